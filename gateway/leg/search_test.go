package leg

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
)

func search(t *testing.T, body, settings string) *Search {
	t.Helper()
	q, e := meili.ParseSearchBody([]byte(body))
	if e != nil {
		t.Fatal(e)
	}
	return NewSearch(q, ParseSettings([]byte(settings)), "id")
}

func sameObject(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatalf("not JSON: %s\n%s", got, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// MG-2, MG-3: legs bring everything up to the end of the window, with what the merge compares, and not more fields than
// the client may see.
func TestBody(t *testing.T) {
	const few = `{"displayedAttributes":["title","meta"],"pagination":{"maxTotalHits":50}}`
	for _, c := range []struct{ name, body, settings, want string }{
		{"defaults", `{"q":"x"}`, ``, `{"q":"x","limit":20,"showRankingScoreDetails":true}`},
		{"offset", `{"offset":7,"limit":5}`, ``, `{"limit":12,"showRankingScoreDetails":true}`},
		{"bound", `{"offset":40,"limit":50}`, few, `{"limit":50,"attributesToRetrieve":["title","meta","_miroir_updated_at"],"showRankingScoreDetails":true}`},
		{"page", `{"page":3,"hitsPerPage":4}`, ``, `{"page":1,"hitsPerPage":12,"showRankingScoreDetails":true}`},
		{"page 0", `{"page":0}`, ``, `{"page":0,"hitsPerPage":20,"showRankingScoreDetails":true}`},
		{"huge page", `{"page":4000000000,"hitsPerPage":4000000000}`, ``, `{"page":1,"hitsPerPage":1000,"showRankingScoreDetails":true}`},
		{"displayed", `{"attributesToRetrieve":["*"],"attributesToHighlight":["*"],"attributesToCrop":["*:4","meta.a:9","title:7","x"],"limit":1}`, few,
			`{"attributesToRetrieve":["title","meta","_miroir_updated_at"],"attributesToHighlight":["title","meta"],"attributesToCrop":["title:4","meta:4","title:7"],"limit":1,"showRankingScoreDetails":true}`},
		{"below displayed is not displayed", `{"attributesToRetrieve":["meta.a","title"],"limit":1}`, few, `{"attributesToRetrieve":["title","_miroir_updated_at"],"limit":1,"showRankingScoreDetails":true}`},
		{"nothing displayed", `{"limit":1}`, `{"displayedAttributes":[]}`, `{"attributesToRetrieve":["_miroir_updated_at"],"limit":1,"showRankingScoreDetails":true}`},
		{"distinct", `{"attributesToRetrieve":["title"],"distinct":"brand","limit":1}`, ``,
			`{"attributesToRetrieve":["title","brand","_miroir_updated_at"],"distinct":"brand","limit":1,"showRankingScoreDetails":true}`},
		{"distinct is counted", `{"page":1,"distinct":"brand"}`, `{"filterableAttributes":["brand"]}`,
			`{"distinct":"brand","facets":["brand"],"page":1,"hitsPerPage":20,"showRankingScoreDetails":true}`},
		{"distinct setting", `{"page":1,"facets":["b*"]}`, `{"distinctAttribute":"brand","filterableAttributes":[{"attributePatterns":["*"],"features":{"facetSearch":true,"filter":{"equality":true,"comparison":false}}}]}`,
			`{"facets":["b*"],"page":1,"hitsPerPage":20,"showRankingScoreDetails":true}`},
		{"distinct can not be counted", `{"page":1}`, `{"distinctAttribute":"brand"}`, `{"page":1,"hitsPerPage":20,"showRankingScoreDetails":true}`},
		{"empty facets", `{"facets":[],"limit":1}`, ``, `{"limit":1,"showRankingScoreDetails":true}`},
		{"hybrid without a query is a placeholder", `{"hybrid":{"embedder":"e"},"limit":1}`, ``,
			`{"hybrid":{"embedder":"e"},"limit":1,"showRankingScoreDetails":true}`},
	} {
		t.Run(c.name, func(t *testing.T) { sameObject(t, search(t, c.body, c.settings).Body(false), c.want) })
	}
	sameObject(t, search(t, `{"q":"x","limit":3}`, ``).Body(true), `{"q":"x","limit":3}`)
	sameObject(t, search(t, `{"q":"x","limit":3,"showRankingScoreDetails":true}`, ``).Body(true), `{"q":"x","limit":3,"showRankingScoreDetails":true}`)
}

// The veil covers what was added, and no more.
func TestVeil(t *testing.T) {
	for _, c := range []struct {
		name, body, settings string
		want                 merge.Veil
	}{
		{"nothing added", `{"distinct":"a"}`, ``, merge.Veil{}},
		{"seen anyway", `{"distinct":"a.b","attributesToRetrieve":["a"]}`, ``, merge.Veil{}},
		{"added", `{"distinct":"a","attributesToRetrieve":["b"]}`, ``, merge.Veil{Extra: []merge.Extra{{Field: "a"}}}},
		{"added below", `{"distinct":"a.b","attributesToRetrieve":["a.c","x"],"attributesToHighlight":["a.d.e"],"attributesToCrop":["a.f:3"]}`, ``,
			merge.Veil{Extra: []merge.Extra{{Field: "a.b"}, {Field: "a", Keep: []string{"c"}, Formatted: []string{"c", "d.e", "f"}}}}},
		{"formatted anyway", `{"distinct":"a","attributesToRetrieve":["b"],"attributesToHighlight":["*"]}`, ``, merge.Veil{Extra: []merge.Extra{{Field: "a", AllFormatted: true}}}},
		{"not displayed", `{"distinct":"a"}`, `{"displayedAttributes":["b"]}`, merge.Veil{Displayed: []string{"b"}, Extra: []merge.Extra{{Field: "a"}}}},
		{"vectors", `{"retrieveVectors":true}`, `{"displayedAttributes":["b"],"embedders":{"e":{"source":"openAi"}}}`,
			merge.Veil{Displayed: []string{"b"}, Extra: []merge.Extra{{Field: "_vectors", AllFormatted: true}}}},
		{"vectors of the documents", `{"retrieveVectors":true}`, `{"displayedAttributes":["b"],"embedders":{"e":{"source":"userProvided"}}}`, merge.Veil{Displayed: []string{"b"}}},
		{"hybrid needs the key", `{"q":"x","hybrid":{"embedder":"e"},"attributesToRetrieve":["b"]}`, ``, merge.Veil{Extra: []merge.Extra{{Field: "id"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := search(t, c.body, c.settings).Request().Veil; !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// F12: the halves of a hybrid search, and what a node is asked for the query's vector.
func TestHalves(t *testing.T) {
	const settings = `{"embedders":{"e":{"source":"userProvided","dimensions":2},"r":{"source":"rest"}}}`
	s := search(t, `{"q":"x","hybrid":{"embedder":"e","semanticRatio":0.7},"limit":2,"vector":[1,2],"retrieveVectors":true}`, settings)
	if s.Kind != Hybrid || s.Judged() || string(s.Vector()) != "[1,2]" {
		t.Errorf("%+v", s)
	}
	sameObject(t, s.KeywordHalf(), `{"q":"x","hybrid":{"embedder":"e","semanticRatio":0.0},"limit":2,"retrieveVectors":true,"showRankingScore":true,"showRankingScoreDetails":true}`)
	sameObject(t, s.VectorHalf([]byte("[3]")), `{"q":"x","hybrid":{"embedder":"e","semanticRatio":1.0},"vector":[3],"limit":2,"retrieveVectors":true,"showRankingScore":true,"showRankingScoreDetails":true}`)
	sameObject(t, s.Embedding(), `{"q":"x","hybrid":{"embedder":"e","semanticRatio":1.0},"vector":[1,2],"limit":0,"retrieveVectors":true}`)
	if r := s.Request(); !r.CutRankingScore {
		t.Error("a score that nobody asked for stays")
	}
	formatted := search(t, `{"q":"x","hybrid":{"embedder":"e"},"limit":2,"attributesToHighlight":["*"]}`, settings)
	sameObject(t, formatted.VectorHalf([]byte("[3,4]")), `{"q":"x","hybrid":{"embedder":"e","semanticRatio":0.99999},"vector":[3,4],"attributesToHighlight":["*"],"limit":2,"showRankingScore":true,"showRankingScoreDetails":true}`)
	for body, want := range map[string]Kind{
		`{"q":"x"}`: Keyword, `{"q":" ","hybrid":{"embedder":"e","semanticRatio":1}}`: Keyword, `{"q":"x","hybrid":{"embedder":"e","semanticRatio":0}}`: Keyword,
		`{"q":"x","hybrid":{"embedder":"e","semanticRatio":1}}`: Semantic, `{"hybrid":{"embedder":"e"},"vector":[1]}`: Semantic,
		`{"q":"x","hybrid":{"embedder":"e"},"vector":[1]}`: Hybrid,
	} {
		if got := search(t, body, settings).Kind; got != want {
			t.Errorf("%s is %d, want %d", body, got, want)
		}
	}
	for body, want := range map[string]bool{
		`{"q":"x","hybrid":{"embedder":"e"}}`: false, `{"q":"x","hybrid":{"embedder":"none"}}`: true, `{"q":"x","hybrid":{"embedder":"e"},"vector":[1,2,3]}`: true,
		`{"q":"x","hybrid":{"embedder":"e"},"vector":[]}`: true, `{"q":"x","hybrid":{"embedder":"r"}}`: false, `{"q":"x","hybrid":{"embedder":"r"},"vector":[1]}`: true,
	} {
		if got := search(t, body, settings).Judged(); got != want {
			t.Errorf("%s judged: %v, want %v", body, got, want)
		}
	}
}

func TestCountable(t *testing.T) {
	s := ParseSettings([]byte(`{"filterableAttributes":["a",{"attributePatterns":["*_id"],"features":{"filter":{"equality":false,"comparison":false}}},
		{"attributePatterns":["b*","*c*"],"features":{"filter":{"equality":false,"comparison":true}}},{"attributePatterns":["d"]}]}`))
	for name, want := range map[string]bool{"a": true, "a.b": true, "ab": false, "b_id": false, "bx": true, "xcx": true, "d": true, "d.e": false, "": false} {
		if got := s.Countable(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
