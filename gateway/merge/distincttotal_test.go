package merge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// MG-9: totals of a list with a distinct field count every value once: those of pages exactly, from the counted values, and
// those of windows too where the legs listed all they had.
func TestDistinctTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legs := make([][]doc, 3)
		for id := range rapid.IntRange(0, 12).Draw(t, "docs") {
			leg := rapid.IntRange(0, 2).Draw(t, "leg")
			legs[leg] = append(legs[leg], doc{id: id, group: rapid.SampledFrom([]string{"", "a", "A ", "b", "1", "2.5", "c"}).Draw(t, "group")})
		}
		pages := rapid.Bool().Draw(t, "pages")
		all := map[string]bool{}
		alone := 0
		var bodies [][]byte
		for _, docs := range legs {
			// What an engine lists of its own documents.
			seen := map[string]bool{}
			docs = slices.DeleteFunc(docs, func(d doc) bool {
				key := strings.ToLower(strings.TrimSpace(d.group))
				again := key != "" && seen[key]
				if seen[key] = true; key == "" {
					alone++
				} else {
					all[key] = true
				}
				return again
			})
			var hits, numbers, texts []string
			least, most := 9.0, 0.0
			for _, d := range docs {
				switch v, number := d.number(); {
				case d.group == "":
					hits = append(hits, fmt.Sprintf(`{"id":%d}`, d.id))
				case number:
					hits, numbers = append(hits, fmt.Sprintf(`{"id":%d,"g":%s}`, d.id, d.group)), append(numbers, fmt.Sprintf(`%q:1`, d.group))
					least, most = min(least, v), max(most, v)
				default:
					hits, texts = append(hits, fmt.Sprintf(`{"id":%d,"g":%q}`, d.id, d.group)), append(texts, fmt.Sprintf(`%q:1`, d.group))
				}
			}
			slices.Sort(numbers)
			slices.Sort(texts)
			stats := ""
			if len(numbers) > 0 {
				stats = fmt.Sprintf(`"g":{"min":%v,"max":%v}`, least, most)
			}
			total := fmt.Sprintf(`"estimatedTotalHits":%d`, len(docs))
			if pages {
				hits = hits[:min(2, len(hits))] // the page is small, the count is not
				total = fmt.Sprintf(`"totalHits":%d,"facetDistribution":{"g":{%s}},"facetStats":{%s}`, len(docs), strings.Join(append(numbers, texts...), ","), stats)
			}
			bodies = append(bodies, fmt.Appendf(nil, `{"hits":[%s],"query":"",%s}`, strings.Join(hits, ","), total))
		}
		page := Page{Limit: 3}
		if pages {
			page = Page{Exhaustive: true, Page: 1, HitsPerPage: 2}
		}
		res, err := Search(SearchRequest{Page: page, Distinct: "g", DistinctCounted: pages, Facets: FacetSettings{Silent: true}}, bodies)
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(len(all) + alone); res.Total != want {
			t.Fatalf("total %d, want %d\n%s", res.Total, want, bodies)
		}
	})
}

func (d doc) number() (float64, bool) {
	if !numberText(d.group) {
		return 0, false
	}
	return parseFloat([]byte(d.group))
}

// A distinct field is found wherever a document can hold it.
func TestDistinctValues(t *testing.T) {
	for hit, want := range map[string][]string{
		`{"a":{"b":"X"}}`: {"sx"}, `{"a.b":" x"}`: {"sx"}, `{"a":[{"b":["x",true]},{"c":1},{"b":null}]}`: {"sx", "strue"}, `{"a":"x"}`: nil,
		`{"a":{"b":{"c":1}}}`: nil, `{"ab":1,"b":2}`: nil, `{}`: nil, `{"a":{"b":[]}}`: nil, `{"":{"a.b":1}}`: nil, `{"a":{"":1}}`: nil,
	} {
		d := newDistinct("a.b")
		d.fresh([]byte(hit), 0)
		if !slices.Equal(d.found, want) {
			t.Errorf("%s: %q, want %q", hit, d.found, want)
		}
	}
}
