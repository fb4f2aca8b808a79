package meili

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
)

// readers are all that read a client's body.
var readers = map[string]func([]byte) *apierr.Error{
	"search": func(b []byte) *apierr.Error { _, e := ParseSearchBody(b); return e },
	"multi":  func(b []byte) *apierr.Error { _, e := ParseMultiSearch(b); return e },
	"documents": func(b []byte) *apierr.Error {
		q, e := ParseDocumentsBody(b)
		if e == nil {
			_ = q.Check()
		}
		return e
	},
	"similar":  func(b []byte) *apierr.Error { _, e := ParseSimilarBody(b); return e },
	"filter":   func(b []byte) *apierr.Error { _, e := ParseFilterBody(b); return e },
	"ids":      func(b []byte) *apierr.Error { _, e := ParseIDs(b); return e },
	"creation": func(b []byte) *apierr.Error { _, e := ParseIndexCreation(b); return e },
	"update":   func(b []byte) *apierr.Error { _, e := ParseIndexUpdate(b); return e },
	"swaps":    func(b []byte) *apierr.Error { _, e := ParseSwaps(b); return e },
	"settings": func(b []byte) *apierr.Error { _, e := ParseSettings(b, nil); return e },
	"fields":   func(b []byte) *apierr.Error { _, e := ParseFieldsBody(b); return e },
	"features": func(b []byte) *apierr.Error { _, e := ParseFeatures(b); return e },
	"edition":  func(b []byte) *apierr.Error { _, e := ParseEdition(b); return e },
	"key":      func(b []byte) *apierr.Error { _, e := ParseKeyCreation(b, time.Unix(0, 0)); return e },
	"patch":    func(b []byte) *apierr.Error { _, e := ParseKeyPatch(b); return e },
	"webhook": func(b []byte) *apierr.Error {
		w, e := ParseWebhook(b)
		if e == nil {
			_, e = w.Create("")
		}
		return e
	},
}

// Every reader of a client's body: no panic on anything, what it takes is JSON, and what it refuses it refuses in JSON.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{
		`{"q":"x","filter":["a = 1",["b = 2"]],"sort":["a:asc"],"facets":["*"],"page":2,"hitsPerPage":3,"hybrid":{"embedder":"e","semanticRatio":0.3},"vector":[1,2.5e3],"retrieveVectors":true}`,
		`{"federation":{"limit":3,"facetsByIndex":{"a":["x"],"b":null},"mergeFacets":{"maxValuesPerFacet":4},"distinct":"d"},"queries":[{"indexUid":"a","q":"y","federationOptions":{"weight":0.5}}]}`,
		`{"offset":1,"ids":[1,"a",-7],"fields":["a"],"filter":"x = \"\\u00e9\"","sort":[]}`, `{"id":7,"embedder":"e","rankingScoreThreshold":0.5}`,
		`{"filter":["a = 1"]}`, `["a",1]`, `{"uid":"a","primaryKey":null}`, `[{"indexes":["a","b"],"rename":true}]`,
		`{"rankingRules":["words"],"synonyms":{"a":["b"]},"typoTolerance":{"minWordSizeForTypos":{"oneTypo":4}},"filterableAttributes":[{"attributePatterns":["*"],"features":{"facetSearch":true}}],"embedders":{"e":{"source":"rest","url":"http://x","headers":{"a":"b"}}}}`,
		`{"vectorStoreSetting":true}`, `{"function":"doc.a = 1","context":{"x":[1]},"filter":null}`, `{"actions":["*"],"indexes":["*"],"expiresAt":null}`, ` {"q" : "\ud83d\ude00"} `, `{`, `[]`, ``, `{"q":"a","q":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, read := range readers {
			switch e := read(body); {
			case e == nil && !json.Valid(body):
				t.Fatalf("%s takes %q", name, body)
			case e != nil && (!json.Valid(e.JSON()) || e.Status < 400):
				t.Fatalf("%s refuses %q with %d %s", name, body, e.Status, e.JSON())
			}
		}
		if q, e := ParseSearchBody(body); e == nil {
			checkSearch(t, q)
		}
		if CheckBody(body) == nil {
			if out := Restricted(body, json.RawMessage(`"rule = 1"`)); !json.Valid(out) {
				t.Fatalf("%q restricted is %q", body, out)
			}
		}
	})
}

// checkSearch wants the parts of a search that was taken to be JSON, before and after a rule is put on it.
func checkSearch(t *testing.T, q *SearchQuery) {
	seed := q.Seed()
	for range 2 {
		q.Each(func(name string, value []byte) {
			if !json.Valid(value) {
				t.Fatalf("%s is %q", name, value)
			}
		})
		q.Restrict(json.RawMessage(`["rule = 1","other = 2"]`))
	}
	if q.Offset < 0 || q.Limit < 0 || q.Page < 0 || q.HitsPerPage < 0 {
		t.Fatalf("window %+v", q)
	}
	if q.Seed() == seed {
		t.Fatal("a search with another filter has the same seed")
	}
}
