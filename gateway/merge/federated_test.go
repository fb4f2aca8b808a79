package merge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fedDoc is a document that some queries of its index find.
type fedDoc struct {
	id    int
	index string
	leg   int
	group string      // the distinct value, empty for none
	found map[int]int // by query: matching words, unique over all
}

// fedCorpus is a federated search over random documents.
type fedCorpus struct {
	docs     []fedDoc
	indexes  []string  // by query
	weights  []float64 // by query
	distinct bool
	limit    int
	most     map[string]int // maxTotalHits
}

const fedWords = 1000

// fedHitOf is a hit on its way through the twin.
type fedTwinHit struct {
	doc   fedDoc
	query int
	score float64
}

func drawFederated(t *rapid.T) fedCorpus {
	c := fedCorpus{distinct: rapid.Bool().Draw(t, "distinct"), limit: rapid.IntRange(1, 12).Draw(t, "limit"), most: map[string]int{}}
	for range rapid.IntRange(1, 4).Draw(t, "queries") {
		c.indexes = append(c.indexes, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "index"))
		c.weights = append(c.weights, rapid.SampledFrom([]float64{1, 0.5, 1.25, 0.7501}).Draw(t, "weight"))
	}
	for _, index := range []string{"a", "b"} {
		c.most[index] = rapid.SampledFrom([]int{2, 1000}).Draw(t, "most")
	}
	words := rapid.SliceOfNDistinct(rapid.IntRange(1, fedWords), 60, 60, rapid.ID[int]).Draw(t, "words")
	for id := range rapid.IntRange(0, 15).Draw(t, "docs") {
		d := fedDoc{id: id, index: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "of"), leg: rapid.IntRange(0, 2).Draw(t, "leg"), found: map[int]int{},
			group: rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "group")}
		for q := range c.indexes {
			if c.indexes[q] == d.index && rapid.Bool().Draw(t, "found") {
				d.found[q] = words[id*4+q]
			}
		}
		c.docs = append(c.docs, d)
	}
	return c
}

// search is what one engine answers that has the given documents: hits, total, and how often it lists each value.
func (c fedCorpus) search(docs []fedDoc) (hits []fedTwinHit, total int, values map[string]map[string]int) {
	values = map[string]map[string]int{}
	for _, index := range slices.Sorted(slices.Values(slices.Compact(slices.Sorted(slices.Values(c.indexes))))) {
		var list []fedTwinHit
		candidates := map[int]fedDoc{}
		for _, d := range docs {
			for q, words := range d.found {
				if d.index == index {
					candidates[d.id] = d
					list = append(list, fedTwinHit{d, q, float64(words) / fedWords * c.weights[q]})
				}
			}
		}
		slices.SortStableFunc(list, func(x, y fedTwinHit) int { return cmp.Or(cmp.Compare(y.score, x.score), x.query-y.query) })
		seen, groups := map[int]bool{}, map[string]bool{}
		list = slices.DeleteFunc(list, func(h fedTwinHit) bool {
			again := seen[h.doc.id] || c.distinct && h.doc.group != "" && groups[h.doc.group]
			seen[h.doc.id] = true
			groups[h.doc.group] = true
			return again
		})
		hits = append(hits, list[:min(len(list), c.limit, c.most[index])]...)
		values[index] = map[string]int{}
		for _, d := range candidates {
			if c.distinct && d.group != "" && values[index][d.group] > 0 {
				continue
			}
			total++
			if d.group != "" {
				values[index][d.group]++
			}
		}
	}
	slices.SortStableFunc(hits, func(x, y fedTwinHit) int { return cmp.Or(cmp.Compare(y.score, x.score), x.query-y.query) })
	if c.distinct {
		groups := map[string]bool{}
		hits = slices.DeleteFunc(hits, func(h fedTwinHit) bool {
			again := h.doc.group != "" && groups[h.doc.group]
			groups[h.doc.group] = true
			if again {
				total--
			}
			return again
		})
	}
	return hits[:min(len(hits), c.limit)], total, values
}

// leg is the answer of one node for some of the indexes, with its own names of them.
func (c fedCorpus) leg(n int, indexes string) []byte {
	mine := slices.DeleteFunc(slices.Clone(c.docs), func(d fedDoc) bool { return d.leg != n || !strings.Contains(indexes, d.index) })
	hits, total, values := c.search(mine)
	var out []string
	for _, h := range hits {
		group := ""
		if h.doc.group != "" {
			group = `"group":"` + h.doc.group + `",`
		}
		out = append(out, fmt.Sprintf(`{"id":%d,%s"_federation":{"indexUid":"%s--n","queriesPosition":%d,"weightedRankingScore":%s},"_rankingScoreDetails":{"words":{"order":0,"matchingWords":%d,"maxMatchingWords":%d,"score":%s}}}`,
			h.doc.id, group, h.doc.index, h.query, strconv.FormatFloat(h.score, 'g', -1, 64), h.doc.found[h.query], fedWords, ratio(h.doc.found[h.query], fedWords)))
	}
	var facets []string
	for _, index := range slices.Sorted(maps.Keys(values)) {
		var counts []string
		for _, v := range slices.Sorted(maps.Keys(values[index])) {
			counts = append(counts, fmt.Sprintf(`%q:%d`, v, values[index][v]))
		}
		facets = append(facets, fmt.Sprintf(`"%s--n":{"distribution":{"group":{%s}},"stats":{}}`, index, strings.Join(counts, ",")))
	}
	return fmt.Appendf(nil, `{"hits":[%s],"processingTimeMs":0,"hitsPerPage":%d,"page":1,"totalPages":1,"totalHits":%d,"facetsByIndex":{%s},"requestUid":"u"}`,
		strings.Join(out, ","), c.limit, total, strings.Join(facets, ","))
}

// A11.5: a federated search over shards has the hits and the total of one engine, whatever the weights, the distinct
// rule and the bounds of the indexes are.
func TestFederatedEqualsOneListSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawFederated(t)
		var legs []FederatedLeg
		req := FederatedRequest{Page: Page{Exhaustive: true, Page: 1, HitsPerPage: c.limit}, MaxTotalHits: c.most, DistinctCounted: true}
		if c.distinct {
			req.Distinct = "group"
		}
		var order []int
		for q := range c.indexes {
			order = append(order, q)
			req.Queries = append(req.Queries, FederatedQuery{Index: c.indexes[q], Weight: c.weights[q]})
		}
		parts := []string{"ab"}
		if c.distinct {
			parts = []string{"a", "b"} // or the legs would drop hits of one index for hits of the other that do not count
		}
		for n := range 3 {
			for _, part := range parts {
				legs = append(legs, FederatedLeg{Body: c.leg(n, part), Queries: order, Indexes: map[string]string{"a--n": "a", "b--n": "b"}})
			}
		}
		res, err := Federated(req, legs)
		if err != nil {
			t.Fatal(err)
		}
		want, total, _ := c.search(c.docs)
		var got struct {
			Hits []struct {
				ID         int
				Federation struct {
					IndexUID        string
					QueriesPosition int
				} `json:"_federation"`
			}
			TotalHits int
		}
		if err := json.Unmarshal(res.Body, &got); err != nil {
			t.Fatal(err)
		}
		if got.TotalHits != total || len(got.Hits) != len(want) {
			t.Fatalf("total %d of %d hits, want %d of %d\n%s", got.TotalHits, len(got.Hits), total, len(want), res.Body)
		}
		for i, h := range got.Hits {
			if h.ID != want[i].doc.id || h.Federation.QueriesPosition != want[i].query || h.Federation.IndexUID != want[i].doc.index {
				t.Fatalf("rank %d: %+v, want %+v\n%s", i, h, want[i], res.Body)
			}
		}
	})
}

// A custom rule behind all others leaves the score of the others whole: what one engine gives as the weighted score is
// compared, not what can be made of the details, where the steps of some rules are missing. The details and scores are
// those of a real 1.50.
func TestFederatedWithACustomRuleAtTheEnd(t *testing.T) {
	hit := func(id string, query int, weighted float64, details string, votes int) string {
		return fmt.Sprintf(`{"id":%q,"_federation":{"indexUid":"m--1","queriesPosition":%d,"weightedRankingScore":%v},`+
			`"_rankingScoreDetails":{%s,"votes:desc":{"order":5,"value":%d}}}`, id, query, weighted, details, votes)
	}
	const (
		two = `"words":{"order":0,"matchingWords":2,"maxMatchingWords":2,"score":1.0},"typo":{"order":1,"typoCount":0,"maxTypoCount":2,"score":1.0},` +
			`"proximity":{"order":2,"score":1.0},"attribute":{"order":3,"attributeRankingOrderScore":0.2,"queryWordDistanceScore":0.9047619047619048,` +
			`"score":0.18095238095238095},"exactness":{"order":4,"matchType":"noExactMatch","matchingWords":2,"maxMatchingWords":2,"score":0.3333333333333333}`
		one = `"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0},"typo":{"order":1,"typoCount":0,"maxTypoCount":1,"score":1.0},` +
			`"proximity":{"order":2,"score":1.0},"attribute":{"order":3,"attributeRankingOrderScore":1.0,"queryWordDistanceScore":1.0,"score":1.0},` +
			`"exactness":{"order":4,"matchType":"noExactMatch","matchingWords":0,"maxMatchingWords":1,"score":0.16666666666666666}`
		scoreTwo, scoreOne = 0.9656084656084656, 0.9873737373737373
	)
	leg := func(hits ...string) FederatedLeg {
		return FederatedLeg{
			Body:    []byte(`{"hits":[` + strings.Join(hits, ",") + `],"processingTimeMs":1,"limit":20,"offset":0,"estimatedTotalHits":2}`),
			Queries: []int{0, 1}, Indexes: map[string]string{"m--1": "m"},
		}
	}
	res, err := Federated(FederatedRequest{
		Page: Page{Limit: 20}, Queries: []FederatedQuery{{Index: "m", Weight: 1}, {Index: "m", Weight: 1}}, MaxTotalHits: map[string]int{"m": 1000},
	}, []FederatedLeg{
		leg(hit("a", 1, scoreOne, one, 5), hit("b", 0, scoreTwo, two, 90)),
		leg(hit("c", 0, scoreTwo, two, 100), hit("d", 0, scoreTwo, two, 80)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Hits []struct{ ID string } }
	if err := json.Unmarshal(res.Body, &answer); err != nil {
		t.Fatal(err)
	}
	order := ""
	for _, h := range answer.Hits {
		order += h.ID
	}
	if order != "acbd" {
		t.Errorf("order %s", order)
	}
}
