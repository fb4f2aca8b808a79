package query

import (
	"fmt"
	"math"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
)

// point is near some document.
func (g *generator) point() (lat, lng float64) {
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	return round(g.random.Float64()*140 - 70), round(g.random.Float64()*340 - 170)
}

func (g *generator) nearest() string {
	lat, lng := g.point()
	return fmt.Sprintf("_geoPoint(%v, %v)", lat, lng)
}

// facetSearch makes the body of a search for values of a facet.
func (g *generator) facetSearch() map[string]any {
	field := g.one(append(append([]string{}, g.corpus.Texts...), g.corpus.Lists...))
	body := map[string]any{"facetName": field}
	if g.chance(85) {
		value := g.valueOf(field)
		if g.chance(70) {
			value = g.cut(value)
		} else if g.chance(30) {
			value = g.mistype(value)
		}
		body["facetQuery"] = value
	}
	if g.chance(35) {
		if text := g.words(); text != "" {
			body["q"] = text
		}
	}
	if g.chance(30) {
		body["filter"] = g.filter()
	}
	if g.chance(15) {
		body["exhaustiveFacetCount"] = true
	}
	return body
}

// semantic makes the body of a search by meaning, or by both meaning and words.
func (g *generator) semantic() map[string]any {
	body := map[string]any{
		"vector": corpus.Vector(g.random),
		"hybrid": map[string]any{"embedder": corpus.Embedder, "semanticRatio": []any{0, 0.2, 0.5, 0.8, 1}[g.pick(5, 20, 35, 20, 20)]},
	}
	if text := g.words(); text != "" {
		body["q"] = text
	}
	g.paginate(body)
	if g.chance(35) {
		body["filter"] = g.filter()
	}
	if g.chance(30) {
		body["showRankingScore"] = true
	}
	if g.chance(10) {
		body["retrieveVectors"] = true
	}
	if g.chance(15) {
		body["facets"] = g.facets()
	}
	return body
}

// similar makes the body of a search for documents like one.
func (g *generator) similar() map[string]any {
	document := g.corpus.Documents[g.random.IntN(len(g.corpus.Documents))]
	body := map[string]any{"id": document.Fields[g.corpus.PrimaryKey], "embedder": corpus.Embedder}
	if g.chance(70) {
		body["limit"] = []int{1, 5, 50}[g.random.IntN(3)]
	}
	if g.chance(40) {
		body["offset"] = g.random.IntN(10)
	}
	if g.chance(40) {
		body["filter"] = g.filter()
	}
	if g.chance(40) {
		body["showRankingScore"] = true
	}
	if g.chance(15) {
		body["rankingScoreThreshold"] = []any{0.3, 0.6, 0.8}[g.random.IntN(3)]
	}
	if g.chance(10) {
		body["retrieveVectors"] = true
	}
	return body
}

// fetch makes the body of a request for documents.
func (g *generator) fetch() map[string]any {
	body := map[string]any{}
	if g.chance(60) {
		body["filter"] = g.filter()
	}
	if g.chance(40) {
		body["sort"] = g.sort()
	}
	if g.chance(70) {
		body["limit"] = []int{0, 1, 7, 30}[g.pick(4, 16, 40, 40)]
	}
	if g.chance(50) {
		body["offset"] = g.random.IntN([]int{5, 50, 600}[g.pick(50, 30, 20)])
	}
	if g.chance(50) {
		body["fields"] = []any{g.one(g.corpus.Displayed), g.one(g.corpus.Displayed)}
	}
	if g.chance(10) {
		ids := []any{}
		for range 1 + g.random.IntN(6) {
			ids = append(ids, g.corpus.Documents[g.random.IntN(len(g.corpus.Documents))].Fields[g.corpus.PrimaryKey])
		}
		body["ids"] = ids
		delete(body, "sort")
	}
	return body
}

// spoil makes a search wrong in one of the ways in which clients get it wrong.
func (g *generator) spoil(q *Query) {
	wrong := []func(){
		func() { q.Body["limit"] = -1 },
		func() { q.Body["offset"] = "x" },
		func() { q.Body["hitsPerPage"] = 1.5 },
		func() { q.Body["page"] = -3 },
		func() { q.Body["q"] = 12 },
		func() { q.Body["filter"] = "nope = 1" },
		func() { q.Body["filter"] = g.one(g.corpus.Texts) + " >" },
		func() { q.Body["filter"] = g.one(g.corpus.Numbers) + " > abc" },
		func() { q.Body["filter"] = g.condition() + " AND (" },
		func() { q.Body["filter"] = "_geoRadius(200, 10, 10)" },
		func() { q.Body["filter"] = 3 },
		func() { q.Body["filter"] = []any{g.condition(), 4} },
		func() { q.Body["sort"] = []any{"nope:asc"} },
		func() { q.Body["sort"] = []any{g.one(g.corpus.Sortable)} },
		func() { q.Body["sort"] = g.one(g.corpus.Sortable) + ":asc" },
		func() { q.Body["sort"] = []any{"_geoPoint(1):asc"} },
		func() { q.Body["facets"] = []any{"nope"} },
		func() { q.Body["facets"] = "x" },
		func() { q.Body["distinct"] = "nope" },
		func() { q.Body["matchingStrategy"] = "most" },
		func() { q.Body["attributesToSearchOn"] = []any{"nope"} },
		func() { q.Body["attributesToRetrieve"] = "title" },
		func() { q.Body["rankingScoreThreshold"] = 1.5 },
		func() { q.Body["cropLength"] = "x" },
		func() { q.Body["highlightPreTag"] = 1 },
		func() { q.Body["showRankingScore"] = "yes" },
		func() { q.Body["vector"] = []any{1, 2} },
		func() { q.Body["locales"] = []any{"zz"} },
		func() { q.Body["nope"] = 1 },
		func() { q.Path = "/indexes/nope/search" },
		func() { q.Path = "/indexes/not%20a%20name/search" },
	}
	wrong[g.random.IntN(len(wrong))]()
}
