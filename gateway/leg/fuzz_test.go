package leg

import (
	"encoding/json"
	"testing"

	"github.com/miroir-search/miroir/internal/meili"
)

// Whatever a client may ask for, by whatever settings: the legs are asked in JSON, for no more than the index lists.
func FuzzBodies(f *testing.F) {
	const settings = `{"displayedAttributes":["a","b.c"],"filterableAttributes":["a",{"attributePatterns":["*_x"],"features":{"filter":{"equality":true}}}],
		"distinctAttribute":"d","embedders":{"e":{"source":"userProvided","dimensions":2}},"pagination":{"maxTotalHits":7},"faceting":{"sortFacetValuesBy":{"*":"count"}}}`
	for _, body := range []string{
		`{"q":"x","offset":3,"limit":1000000,"attributesToRetrieve":["b"],"attributesToCrop":["a:3"],"facets":["a*"],"showRankingScore":true}`,
		`{"q":"x","hybrid":{"embedder":"e","semanticRatio":0.3},"vector":[1,2],"page":3,"retrieveVectors":true,"distinct":"b.c"}`,
		`{"hybrid":{"embedder":"\u0065"},"media":{"a":1},"hitsPerPage":99999999999}`, `{}`,
	} {
		f.Add([]byte(body), []byte(settings))
	}
	f.Add([]byte(`{"q":"x"}`), []byte(`{"displayedAttributes":7}`))
	f.Fuzz(func(t *testing.T, body, view []byte) {
		s := ParseSettings(view)
		q, e := meili.ParseSearchBody(body)
		if e != nil {
			return
		}
		l := NewSearch(q, s, "id")
		l.OverFetch(3, 3000)
		for name, asked := range map[string][]byte{
			"alone": l.Body(true), "merged": l.Body(false), "words": l.KeywordHalf(), "vectors": l.VectorHalf([]byte("[1]")), "embedding": l.Embedding(),
		} {
			if !json.Valid(asked) {
				t.Fatalf("%s: %q is asked as %q", name, body, asked)
			}
		}
		if n := l.LegLimit(); n < 0 || n > s.MaxTotalHits {
			t.Fatalf("a leg is asked for %d hits", n)
		}
		m := &meili.MultiSearch{Queries: []meili.MultiQuery{{SearchQuery: q, IndexUID: "a"}, {SearchQuery: q, IndexUID: "a"}}, Federation: &meili.Federation{Limit: 3}}
		fed := NewFederated(m, map[string]Index{"a": {UID: "a", Physical: "a--1", PrimaryKey: "id", Settings: s}})
		for _, p := range append(fed.Parts([]string{"a"}), fed.Whole()) {
			if !json.Valid(p.Body) {
				t.Fatalf("%q is asked as %q", body, p.Body)
			}
		}
	})
}
