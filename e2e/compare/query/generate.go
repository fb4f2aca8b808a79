package query

import (
	"math/rand/v2"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
)

// generator makes one query.
type generator struct {
	random  *rand.Rand
	corpora []*corpus.Corpus
	corpus  *corpus.Corpus
}

// Mix is how many of a hundred queries are of a kind.
type Mix []struct {
	Kind  Kind
	Share int
}

// codes is the share of the corpora of codes, whose ids differ in case.
const codes = 8

// small is the share below which a corpus is one of those made for ids.
const small = 10

// Make makes the query of a number. Equal arguments make equal queries.
func Make(seed uint64, number int, mix Mix, corpora []*corpus.Corpus) Query {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	g := &generator{random: random}
	shares := make([]int, len(mix))
	for i, part := range mix {
		shares[i] = part.Share
	}
	kind := mix[g.pick(shares...)].Kind
	for _, c := range corpora {
		if kind == Keyed && c.Share < small { // most of what can be taken for one another is in small corpora
			g.corpora = append(g.corpora, c)
		}
		if c.Embedded == (kind == Semantic || kind == Similar || kind == Blended) {
			g.corpora = append(g.corpora, c)
		}
	}
	g.corpus = g.anyCorpus()
	q := g.make(kind)
	q.Number = number
	return q
}

// anyCorpus chooses a corpus by its share.
func (g *generator) anyCorpus() *corpus.Corpus {
	shares := make([]int, len(g.corpora))
	for i, c := range g.corpora {
		shares[i] = c.Share
	}
	return g.corpora[g.pick(shares...)]
}

func (g *generator) make(kind Kind) Query {
	q := Query{Kind: kind, Index: g.corpus.UID, Method: "POST", Path: "/indexes/" + g.corpus.UID + "/search"}
	switch kind {
	case Search:
		q.Body = g.search()
	case Keyed:
		q.Body = g.search()
		q.Body["filter"] = g.keyed()
		if g.chance(90) {
			delete(q.Body, "facets")
		}
	case SearchGet:
		q.Method = "GET"
		q.Body = g.search()
		if list, ok := q.Body["filter"].([]any); ok {
			q.Body["filter"] = list[0] // the other form of lists is JSON inside a parameter
		}
	case FacetSearch:
		q.Path = "/indexes/" + g.corpus.UID + "/facet-search"
		q.Body = g.facetSearch()
	case Documents:
		q.Path = "/indexes/" + g.corpus.UID + "/documents/fetch"
		q.Body = g.fetch()
	case Semantic:
		q.Body = g.semantic()
	case Similar:
		q.Path = "/indexes/" + g.corpus.UID + "/similar"
		q.Body = g.similar()
	case Multi:
		q.Path, q.Body = "/multi-search", g.multi()
	case Federated:
		q.Path, q.Body = "/multi-search", g.federated()
	case Blended:
		q.Path, q.Body = "/multi-search", g.blended()
	case Bad:
		q.Body = g.search()
		g.spoil(&q)
	}
	return q
}

// search makes the body of a search.
func (g *generator) search() map[string]any {
	body := map[string]any{}
	if text := g.words(); text != "" {
		body["q"] = text
	}
	g.paginate(body)
	some := func(percent int, member string, make func() any) {
		if g.chance(percent) {
			body[member] = make()
		}
	}
	some(35, "filter", g.filter)
	some(30, "sort", g.sort)
	some(25, "facets", g.facets)
	some(5, "distinct", func() any { return g.one(append(append([]string{}, g.corpus.Texts...), g.corpus.Numbers...)) })
	some(4, "locales", func() any { return []any{"eng"} })
	some(20, "matchingStrategy", func() any { return []string{"all", "last", "frequency"}[g.pick(60, 30, 10)] })
	some(8, "attributesToSearchOn", func() any { return []any{g.one(g.corpus.Searchable)} })
	some(15, "showRankingScore", yes)
	some(8, "showRankingScoreDetails", yes)
	if _, exhaustive := body["hitsPerPage"]; exhaustive {
		some(15, "rankingScoreThreshold", func() any { return []any{0.2, 0.5, 0.8, 0.95}[g.random.IntN(4)] })
	}
	g.present(body)
	return body
}

// paginate asks for a page in one of the two ways, or for the first one by default.
func (g *generator) paginate(body map[string]any) {
	switch g.pick(30, 40, 30) {
	case 1:
		body["limit"] = []int{0, 1, 3, 10, 50, 100}[g.pick(2, 10, 25, 30, 25, 8)]
		if g.chance(50) {
			body["offset"] = g.random.IntN([]int{5, 40, 300, 1100}[g.pick(50, 30, 15, 5)])
		}
	case 2:
		body["hitsPerPage"] = []int{0, 1, 5, 20}[g.pick(2, 13, 45, 40)]
		if g.chance(80) {
			body["page"] = g.random.IntN([]int{3, 20, 200}[g.pick(70, 25, 5)])
		}
	}
}

// present asks for documents in one or another form.
func (g *generator) present(body map[string]any) {
	fields := func() any {
		list := []any{}
		for range 1 + g.random.IntN(3) {
			list = append(list, g.one(g.corpus.Displayed))
		}
		return list
	}
	if g.chance(25) {
		body["attributesToRetrieve"] = fields()
	}
	if g.chance(15) {
		body["attributesToHighlight"] = []any{[]string{"*", g.one(g.corpus.Searchable)}[g.random.IntN(2)]}
		if g.chance(25) {
			body["highlightPreTag"], body["highlightPostTag"] = "<b class=\"x\">", "</b>"
		}
	}
	if g.chance(8) {
		body["attributesToCrop"] = []any{g.one(g.corpus.Searchable) + []string{"", ":2"}[g.random.IntN(2)]}
		body["cropLength"] = 1 + g.random.IntN(4)
		if g.chance(25) {
			body["cropMarker"] = "[…]"
		}
	}
	if g.chance(8) {
		body["showMatchesPosition"] = true
	}
}

func (g *generator) sort() any {
	list := []any{}
	for range 1 + g.pick(60, 30, 10) {
		direction := []string{"asc", "desc"}[g.random.IntN(2)]
		if g.chance(20) {
			list = append(list, g.nearest()+":"+direction)
			continue
		}
		list = append(list, g.one(g.corpus.Sortable)+":"+direction)
	}
	return list
}

func (g *generator) facets() any {
	// Values that differ in case alone are shown in one of their spellings, and not always in the same (docs/exactness.md).
	if g.corpus.Share != codes && g.chance(10) {
		return []any{"*"}
	}
	fields := append(append(append([]string{}, g.corpus.Texts...), g.corpus.Lists...), g.corpus.Numbers...)
	list := []any{}
	for range 1 + g.random.IntN(3) {
		list = append(list, g.one(fields))
	}
	return list
}

func yes() any { return true }

func (g *generator) chance(percent int) bool { return g.random.IntN(100) < percent }

func (g *generator) one(list []string) string { return list[g.random.IntN(len(list))] }

// pick chooses a number by weights.
func (g *generator) pick(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := g.random.IntN(sum)
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	panic("unreachable: the weights add up")
}
