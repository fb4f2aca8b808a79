package operation

import (
	"net/http"

	"github.com/miroir-search/miroir/internal/testkit/golden"
)

// part is a setting with the verb that changes it, and values that it takes or nearly takes.
type part struct {
	route, member, verb string
	values              []string
}

func parts() []part {
	return []part{
		{"filterable-attributes", "filterableAttributes", http.MethodPut, []string{`["id","year","genres"]`, `["*"]`, `["_geo","title"]`, `[]`, "null", `["genres","genres"]`, `[{"attributePatterns":["ge*"],"features":{"facetSearch":true,"filter":{"equality":true,"comparison":false}}}]`,
			`[{"attributePatterns":[]}]`, `[{"attributePatterns":["a"],"features":{"filter":{"unknown":true}}}]`, `["nested","nested.id","flag"]`, `[{"features":{}}]`}},
		{"sortable-attributes", "sortableAttributes", http.MethodPut, []string{`["id","year"]`, `["_geo"]`, `[]`, "null", `["title"]`, `["*"]`}},
		{"displayed-attributes", "displayedAttributes", http.MethodPut, []string{`["id","title"]`, `["*"]`, `[]`, "null", `["*","id"]`, `["nested.name"]`}},
		{"searchable-attributes", "searchableAttributes", http.MethodPut, []string{`["title","genres"]`, `["*"]`, `[]`, "null", `["title","*"]`}},
		{"typo-tolerance", "typoTolerance", http.MethodPatch, []string{`{"enabled":false}`, `{"minWordSizeForTypos":{"oneTypo":4,"twoTypos":8}}`, `{"minWordSizeForTypos":{"oneTypo":9,"twoTypos":3}}`, `{"disableOnWords":["a","B"]}`, `{"disableOnAttributes":["title"]}`,
			"null", "{}", `{"minWordSizeForTypos":{"oneTypo":256}}`, `{"disableOnNumbers":true}`, `{"unknown":1}`, `{"minWordSizeForTypos":null,"enabled":null}`}},
		{"stop-words", "stopWords", http.MethodPut, []string{`["the","of"]`, `[]`, "null", `["The","the"]`}},
		{"non-separator-tokens", "nonSeparatorTokens", http.MethodPut, []string{`["#","@"]`, `[]`, "null"}},
		{"separator-tokens", "separatorTokens", http.MethodPut, []string{`["|"]`, `["&","&"]`, "null"}},
		{"dictionary", "dictionary", http.MethodPut, []string{`["J. R. R."]`, `[]`, "null"}},
		{"synonyms", "synonyms", http.MethodPut, []string{`{"a":["b","c"]}`, `{}`, "null", `{"b":[],"A":["a"]}`, `{"a":"b"}`}},
		{"distinct-attribute", "distinctAttribute", http.MethodPut, []string{`"genres"`, "null", `""`, `"nested.id"`}},
		{"proximity-precision", "proximityPrecision", http.MethodPut, []string{`"byWord"`, `"byAttribute"`, "null", `"byword"`}},
		{"localized-attributes", "localizedAttributes", http.MethodPut, []string{`[{"attributePatterns":["ti*"],"locales":["eng","fra"]}]`, "null", `[]`, `[{"attributePatterns":["x"],"locales":["xx"]}]`, `[{"locales":[]}]`}},
		{"ranking-rules", "rankingRules", http.MethodPut, []string{`["words","typo","sort"]`, "null", `[]`, `["words","year:desc"]`, `["unknown"]`, `["words","words"]`, `["year:up"]`, `["_geoPoint(1,2):asc"]`, `["attributeRank","wordPosition"]`, `["attribute","attributeRank"]`}},
		{"search-cutoff-ms", "searchCutoffMs", http.MethodPut, []string{"150", "null", "0", "-1"}},
		{"facet-search", "facetSearch", http.MethodPut, []string{"true", "false", "null"}},
		{"prefix-search", "prefixSearch", http.MethodPut, []string{`"disabled"`, `"indexingTime"`, "null", `"searchTime"`}},
		{"faceting", "faceting", http.MethodPatch, []string{`{"maxValuesPerFacet":5}`, `{"sortFacetValuesBy":{"genres":"count"}}`, `{"sortFacetValuesBy":{"*":"count","genres":null}}`, "null", "{}", `{"sortFacetValuesBy":{"genres":"size"}}`, `{"maxValuesPerFacet":null}`, `{"maxValuesPerFacet":-1}`}},
		{"pagination", "pagination", http.MethodPatch, []string{`{"maxTotalHits":50}`, "null", "{}", `{"maxTotalHits":null}`, `{"maxTotalHits":0}`, `{"unknown":1}`}},
		{"embedders", "embedders", http.MethodPatch, []string{`{"own":{"source":"userProvided","dimensions":2}}`, `{"own":null}`, "null", "{}", `{"own":{"source":"userProvided"}}`, `{"own":{"source":"unknown"}}`, `{"own":{"source":"userProvided","dimensions":2,"apiKey":"x"}}`,
			`{"other":{"source":"rest"}}`, `{"own":{"source":"userProvided","dimensions":2,"binaryQuantized":true}}`, `{"own":{"source":"userProvided","dimensions":0}}`, `{"a b":{"source":"userProvided","dimensions":1}}`, `{"own":{"source":"userProvided","dimensions":2,"distribution":{"mean":0.5,"sigma":0.1}}}`}},
	}
}

// setting changes, resets or shows settings, all of them or one.
func (m maker) setting() golden.Request {
	list := parts()
	p := pick(m, list...)
	switch m.IntN(10) {
	case 0:
		return request(http.MethodGet, m.path("/settings"), "")
	case 1:
		return request(http.MethodGet, m.path("/settings/"+p.route), "")
	case 2:
		if m.one(3) {
			return request(http.MethodDelete, m.path("/settings"), "")
		}
		return request(http.MethodDelete, m.path("/settings/"+p.route), "")
	case 3, 4, 5:
		var members []string
		m.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, p := range list[:1+m.IntN(4)] {
			members = append(members, p.member, m.value(20, pick(m, p.values...)))
		}
		return request(http.MethodPatch, m.path("/settings"), m.object(members...))
	default:
		verb := p.verb
		if m.one(30) {
			verb = pick(m, http.MethodPut, http.MethodPatch, http.MethodPost)
		}
		return request(verb, m.path("/settings/"+p.route), m.value(12, pick(m, p.values...)))
	}
}
