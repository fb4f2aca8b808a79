package judge

import (
	"context"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// hits explains two unequal pages of hits.
func (j *Judge) hits(ctx context.Context, p Pair) (Verdict, error) {
	if v := sameMembers(p); v.Class == Different {
		return v, nil
	}
	if onlyMarks(p) {
		return Verdict{Class: Marking}, nil
	}
	v, err := j.byWhole(ctx, p)
	if err != nil || v.Class != Different && v.Class != Tie {
		return v, err
	}
	if near, err := j.nearest(ctx, p); err != nil || near {
		return verdict(Nearest, "%s", v.Why), err
	}
	return v, nil
}

// sameMembers wants hits to tell of their ranking on both sides, or on none.
func sameMembers(p Pair) Verdict {
	single, _ := p.Single.member("hits").([]any)
	cluster, _ := p.Cluster.member("hits").([]any)
	for i := range min(len(single), len(cluster)) {
		s, _ := single[i].(map[string]any)
		c, _ := cluster[i].(map[string]any)
		for _, name := range ranking {
			if _, ok := s[name]; ok != (c[name] != nil) {
				return different("hit %d tells its %s on one side only", i, name)
			}
		}
	}
	return Verdict{Class: Equal}
}

// byWhole explains two unequal pages by the whole lists of both sides.
func (j *Judge) byWhole(ctx context.Context, p Pair) (Verdict, error) {
	single, err := j.whole(ctx, j.Single, p.Query)
	if err != nil {
		return Verdict{}, err
	}
	cluster, err := j.sameCopies(ctx, p)
	if err != nil {
		return Verdict{}, err
	}
	if v := j.partOfWhole(p, cluster); v.Class == Different {
		// A page and the whole list may be asked of other copies, which know other words.
		if c, ok := j.corpusBound(ctx, p.Query); ok {
			return verdict(c, "%s", v.Why), nil
		}
		if j.rankedByCopy(p.Query) {
			return verdict(Prefixes, "%s", v.Why), nil
		}
		return v, nil
	}
	class := Tie
	// What one side has alone, and what is ranked otherwise there, is explained by itself and then left out.
	var left []string
	for _, side := range []struct{ l, other list }{{cluster, single}, {single, cluster}} {
		for _, h := range side.l.hits {
			if side.other.has(h.id) || atTheCut(h, side.other) {
				continue
			}
			c, why := j.alone(ctx, p, h, side.other)
			if c == Different {
				return different("only one side has %s: %s", h.id, why), nil
			}
			if c != Tie {
				class = c
			}
			left = append(left, h.id)
		}
	}
	for _, h := range cluster.hits {
		if !single.has(h.id) {
			continue
		}
		s := single.of(h.id)
		if !sameDetails(s.details, h.details) {
			c, ok := j.skew(part(p.Query, h), s.details, h.details)
			if !ok {
				if c, ok = j.corpusBound(ctx, p.Query); !ok {
					return different("%s is ranked by %s, by the engine by %s", h.id, jsondiff.Show(any(h.details)), jsondiff.Show(any(s.details))), nil
				}
			}
			class = c
			left = append(left, h.id)
		} else if !jsondiff.Same(s.score, h.score) {
			return different("%s scores %v, by the engine %v, with the same details", h.id, h.score, s.score), nil
		}
		if marked(part(p.Query, h), s.body, h.body) {
			class = Marking
		} else if !jsondiff.Same(any(s.body), any(h.body)) {
			return different("%s is %s, by the engine %s", h.id, jsondiff.Show(any(h.body)), jsondiff.Show(any(s.body))), nil
		}
	}
	return sameRanks(p.Query, class, without(single, left), without(cluster, left)), nil
}

// sameCopies finds the whole list of the copies that gave the page: those are chosen by the query, the whole of it but for its
// window, and copies know other words. The list that was asked for first is the answer where no other one fits.
func (j *Judge) sameCopies(ctx context.Context, p Pair) (list, error) {
	first, err := j.whole(ctx, j.Cluster, p.Query)
	if err != nil {
		return first, err
	}
	switch p.Query.Kind {
	case query.Search, query.Keyed, query.SearchGet, query.Semantic:
	default:
		return first, nil
	}
	for n, l := 0, first; n < 8; n++ {
		if j.partOfWhole(p, l).Class != Different {
			return l, nil
		}
		// The length of crops changes no rank, and makes it another query.
		if l, err = j.whole(ctx, j.Cluster, p.Query.With(map[string]any{"cropLength": 20 + n})); err != nil {
			return first, err
		}
	}
	return first, nil
}

// rankedByCopy says whether copies with other neighbours may rank hits a little differently: the last word stands for words
// that are kept ready, or words are joined, where a copy knows enough of them.
func (j *Judge) rankedByCopy(q query.Query) bool {
	for _, one := range append(q.Queries(), q) {
		words, open := typed(one)
		if len(words) < 2 || one.Index == "" {
			continue
		}
		// The copies that gave the page of a federated search are not found again, so all that ends in a beginning counts.
		if d := j.dictionary(one.Index); d.prepares(words[len(words)-1]) || d.joins(words) || open && q.Kind == query.Federated {
			return true
		}
	}
	return false
}

// part is the query of a federated search that found a hit, or the query itself.
func part(q query.Query, h hit) query.Query {
	federation, _ := h.details["_federation"].(map[string]any)
	at, queries := whole(federation["queriesPosition"]), q.Queries()
	if at < 0 || at >= int64(len(queries)) {
		return q
	}
	return queries[at]
}

// marked says whether two bodies of one document differ only in what is marked, where the query ends in the beginning of
// a word: an engine marks by the words that it happens to know, in fields that are not searched as well.
func marked(q query.Query, x, y map[string]any) bool {
	if _, open := typed(q); !open || jsondiff.Same(any(x), any(y)) {
		return false
	}
	x, y = maps.Clone(x), maps.Clone(y)
	for _, name := range marks {
		delete(x, name)
		delete(y, name)
	}
	return jsondiff.Same(any(x), any(y))
}

// onlyMarks says whether two pages differ in what is marked and in nothing else.
func onlyMarks(p Pair) bool {
	single, _ := p.Single.member("hits").([]any)
	cluster, _ := p.Cluster.member("hits").([]any)
	if len(single) != len(cluster) {
		return false
	}
	for i := range single {
		s, _ := single[i].(map[string]any)
		c, _ := cluster[i].(map[string]any)
		if !jsondiff.Same(single[i], cluster[i]) && !marked(part(p.Query, hit{details: s}), s, c) {
			return false
		}
	}
	return true
}

// marks are the members of a hit that show where words were found.
var marks = []string{"_formatted", "_matchesPosition"}

// sameRanks wants the details of both lists to be the same at every rank of the page, and up to there.
func sameRanks(q query.Query, class Class, single, cluster []hit) Verdict {
	_, to := q.Window()
	for r := range min(to, len(single), len(cluster)) {
		if !sameDetails(single[r].details, cluster[r].details) {
			if interleaved(q, single, cluster) {
				return verdict(Interleaved, "rank %d is %s, by the engine %s", r, cluster[r].id, single[r].id)
			}
			return different("rank %d is %s (%s), by the engine %s (%s)", r, cluster[r].id, jsondiff.Show(any(cluster[r].details)),
				single[r].id, jsondiff.Show(any(single[r].details)))
		}
	}
	return Verdict{Class: class}
}

// interleaved says whether the lists of several queries of one federation are the same on both sides, each by itself, and only
// stand between each other in another way.
func interleaved(q query.Query, single, cluster []hit) bool {
	queries := q.Queries()
	if q.Kind != query.Federated || len(queries) < 2 || len(single) != len(cluster) {
		return false
	}
	of := func(hits []hit, position int) (list []hit) {
		for _, h := range hits {
			if federation, _ := h.details["_federation"].(map[string]any); whole(federation["queriesPosition"]) == int64(position) {
				list = append(list, h)
			}
		}
		return list
	}
	for i := range queries {
		if !slices.EqualFunc(of(single, i), of(cluster, i), func(a, b hit) bool { return sameDetails(a.details, b.details) }) {
			return false
		}
	}
	return true
}

func without(l list, left []string) []hit {
	return slices.DeleteFunc(slices.Clone(l.hits), func(h hit) bool { return slices.Contains(left, h.id) })
}

// partOfWhole wants the page that the cluster gave to be a part of its whole list (MG-2).
func (j *Judge) partOfWhole(p Pair, whole list) Verdict {
	from, to := p.Query.Window()
	page, _ := p.Cluster.member("hits").([]any)
	expected := whole.hits[min(from, len(whole.hits)):min(to, len(whole.hits))]
	if len(page) != len(expected) {
		return different("the page has %d hits, this part of the whole list %d", len(page), len(expected))
	}
	for i, h := range expected {
		got, _ := page[i].(map[string]any)
		for name, value := range got {
			if slices.Contains(marks, name) || slices.Contains(ranking, name) {
				continue // depend on the node that is asked
			}
			if !jsondiff.Same(h.body[name], value) {
				return different("hit %d of the page is %s, in the whole list it is %s", i, jsondiff.Show(page[i]), jsondiff.Show(any(h.body)))
			}
		}
	}
	return Verdict{Class: Equal}
}

// alone explains a hit that only one side has. other is the list of the side that has it not.
func (j *Judge) alone(ctx context.Context, p Pair, h hit, other list) (Class, string) {
	q := p.Query
	if q.Has("distinct") && slices.ContainsFunc(other.hits, func(o hit) bool { return sameDetails(o.details, h.details) }) {
		return Tie, "" // another document of the same value and rank stands for it
	}
	if words, _ := typed(q); q.Has("distinct") && len(words) > 1 {
		// Ranked a little differently, another document stands for the value.
		if d := j.dictionary(q.Index); d.prepares(words[len(words)-1]) || d.joins(words) {
			return Prefixes, ""
		}
	}
	if class, ok := j.corpusBound(ctx, q); ok {
		return class, ""
	}
	return Different, jsondiff.Show(any(h.details))
}
