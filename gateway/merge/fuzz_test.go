package merge

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, file := range []string{"movies.jsonl", "others.jsonl", "federated.jsonl", "hybrid.jsonl"} {
		for i, c := range readLines[capturedLists](f, file) {
			if i%2 == 0 && len(c.Legs[0]) < 6000 { // large seeds make the fuzzer slow, not better
				f.Add([]byte(c.Legs[0]))
			}
		}
	}
	for _, s := range []string{
		`{"hits":[{"_rankingScoreDetails":{"words":{"order":0}},"_rankingScoreDetails":{"f:asc":{"order":1,"value":"\ud83d\ude00\\"},"g:desc":{"order":0,"value":[]}}}],"query":"","estimatedTotalHits":1}`,
		`{ "hits" : [ { "a" : "\\\"" , "_rankingScoreDetails" : { "x:asc" : { "order" : 1 , "value" : 1e5 } } } ] , "query" : "]}" , "totalHits" : 3 , "facetDistribution" : { "a" : { "1" : 2 } } , "facetStats" : { "a" : { "min" : 1 , "max" : 2 } } }`,
		`{"hits":[],"processingTimeMs":1,"queryVectors":{"0":[1]},"facetsByIndex":{"i":{"distribution":{"a":{"x":1}},"stats":{}}},"semanticHitCount":null,"estimatedTotalHits":0}`,
		`{"results":[{"id":1,"_federation":{"weightedScoreValues":[{"weightedScore":1},{"vectorSort":2},{"sort":{"asc":true,"value":null}},{"geoSort":{"asc":false,"distance":3}}]}}],"total":1}`,
		`{"hits":[{"_federation":{"indexUid":"i","queriesPosition":0,"weightedRankingScore":0.5}}],"estimatedTotalHits":1}`,
		`{"results":[{"_vectors":{"e":{"embeddings":[[1,2],[3]],"regenerate":false}}}],"queryVector":[1.5],"total":1}`,
		`{"results":[{"name":"a.\u0062","displayed":{"enabled":true},"sortable":{"enabled":false}},{"name":"a","name":"b"}],"total":2}`,
		`{"databaseSize":1,"lastUpdate":"x","indexes":{"a":{"numberOfDocuments":1,"fieldDistribution":{"a":1}}}}`,
	} {
		f.Add([]byte(s))
	}
}

// Every reader of answers: no panic on anything; from valid JSON only valid JSON or an error.
func FuzzMergesAreJSON(f *testing.F) {
	seeds(f)
	second := []byte(`{"hits":[{"id":1,"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}}}],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":1}`)
	f.Fuzz(func(t *testing.T, leg []byte) {
		valid := json.Valid(leg) && !bytes.Contains(leg, []byte{nodeapi.MarkLine}) // marks stand where sidecars put them
		check := func(kind string, body []byte, err error) {
			if err == nil && valid && !json.Valid(body) {
				t.Fatalf("%s: %s\nfrom %s", kind, body, leg)
			}
		}
		searches := SearchRequest{Page: Page{Limit: 50}, Distinct: "a.b", Veil: Veil{Extra: []Extra{{Field: "id"}, {Field: "title", Keep: []string{"a", "b.c"}, Formatted: []string{"x"}}}, Displayed: []string{"id", "a"}}, ShowRankingScoreDetails: true, CutRankingScore: true}
		for _, req := range []SearchRequest{{Page: Page{Limit: 3, Offset: 1}}, {Page: Page{Limit: 9}, Pins: true}, searches} {
			res, err := Search(req, [][]byte{leg, second})
			check("search", res.Body, err)
		}
		res, err := Similar(SimilarRequest{Limit: 5, Indexes: []SimilarIndex{{PrimaryKey: "id"}}}, [][]byte{leg, second})
		check("similar", res.Body, err)
		body, err := Fields(FieldsRequest{
			Limit: 5, Displayed: func(name string) bool { return name < "m" },
			Keep: func(_ string, enabled func(string) bool) bool { return !enabled("sortable") },
		}, [][]byte{leg, leg})
		check("fields", body, err)
		hybrid := HybridRequest{SearchRequest: searches, SemanticRatio: 0.5, PrimaryKey: "a.id"}
		res, err = Hybrid(hybrid, [][]byte{leg}, [][]byte{leg, second})
		check("hybrid", res.Body, err)
		res, err = HybridLegs(hybrid, [][]byte{leg, leg})
		check("hybrid legs", res.Body, err)
		if vectors, _, err := DocumentVectors(leg, "e"); err == nil && valid {
			for _, v := range vectors {
				check("vector", v, nil)
			}
		}
		if v, err := QueryVector(leg); err == nil {
			check("query vector", v, nil)
		}
		_, _ = KeywordGoodEnough(hybrid, [][]byte{leg})
		fed := FederatedLeg{Body: leg, Queries: []int{1, 0}, Indexes: map[string]string{"movies": "m"}}
		for _, merged := range []*MergeFacets{nil, {3}} {
			res, err = Federated(FederatedRequest{Page: Page{Limit: 9}, Queries: []FederatedQuery{{Veil: searches.Veil}, {ShowRankingScoreDetails: true, Veil: searches.Veil}}, MergeFacets: merged}, []FederatedLeg{fed, fed})
			check("federated", res.Body, err)
		}
		for _, sorted := range []bool{false, true} {
			res, err = Documents(DocumentsRequest{Limit: 9, Offset: 1, Sorted: sorted}, [][]byte{leg, leg})
			check("documents", res.Body, err)
		}
		if p, err := PassDocuments([]int{0, 0}, 5, [][]byte{leg, leg}); err == nil && (p.Documents < 0 || p.Documents > 5 || len(p.Used) != 2) {
			t.Fatalf("%+v\nfrom %s", p, leg)
		}
		body, _, err = FacetSearch(FacetSearchRequest{}, [][]byte{leg, leg})
		check("facet search", body, err)
		body, err = IndexStats([][]byte{leg, leg}, nil, false)
		check("stats", body, err)
		body, err = GlobalStats(GlobalStatsRequest{Name: func(s string) (string, bool) { return s, true }}, [][]byte{leg, leg})
		check("global stats", body, err)
	})
}

// The walk over a hit in blocks sees what the walk member by member sees.
func FuzzHitScan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, hit []byte) {
		if !json.Valid(hit) || bytes.Contains(hit, []byte{nodeapi.MarkLine}) || len(bytes.TrimSpace(hit)) == 0 || bytes.TrimSpace(hit)[0] != '{' {
			return
		}
		// Put what was made up into a document, in front of real details.
		for _, frame := range [][2]string{{`{"doc":`, `,"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0},"f:asc":{"order":1,"value":"x"}}}`}, {``, ``}} {
			body := []byte(`{"hits":[` + frame[0] + string(hit) + frame[1] + `],"query":"0123456789012345678901234567890123456789012345678901234567890123456789","estimatedTotalHits":1}`)
			var quick, slow stream
			if quick.open(body, "hits", 0) != nil || slow.open(body, "hits", 0) != nil {
				t.Fatal("not opened")
			}
			okQuick, _, errQuick := quick.advance(&look{cutDetails: true})
			okSlow, _, errSlow := slow.advance(&look{cutDetails: true, readScore: true})
			if okQuick != okSlow || (errQuick == nil) != (errSlow == nil) {
				t.Fatalf("%v %v, %v %v", okQuick, errQuick, okSlow, errSlow)
			}
			if errQuick != nil {
				t.Fatalf("valid hit refused: %s", body)
			}
			if quick.hit.whole != slow.hit.whole || quick.hit.details != slow.hit.details || compareScores(quick.key.scores, slow.key.scores) != 0 {
				t.Fatalf("%+v\n%+v\n%s", quick.hit, slow.hit, body)
			}
		}
	})
}

// Walking an object from its end gives the same members as walking it from its start.
func FuzzBackward(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, object []byte) {
		type member struct{ key, value string }
		var back []member
		ok := lastMembers(object, func(int, []byte) bool { return false }, func(key, value []byte) bool {
			back = append(back, member{string(key), string(value)})
			return true
		})
		if !json.Valid(object) || bytes.TrimSpace(object)[0] != '{' {
			return
		}
		var forth []member
		m := objectAt(object, 0)
		for m.next() {
			key := string(m.key)
			forth = append(forth, member{key, string(m.raw())})
		}
		slices.Reverse(back)
		if !ok || m.bad || !reflect.DeepEqual(back, forth) {
			t.Fatalf("%v %v\nback  %q\nforth %q", ok, m.bad, back, forth)
		}
	})
}

// Strings and numbers are read as encoding/json reads them, and strings are written so that it reads them back.
func FuzzScalars(f *testing.F) {
	for _, s := range []string{`"a\ud83d\ude00\u0041\/\b\f\n\r\t\\\""`, `"\ud800x"`, `"\udc00\ud800"`, `1`, `-0.0`, `1e400`, `0.8888888888888888`, `123456789012345678901`, `1.0`, `9007199254740993`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var text string
		if json.Valid([]byte(raw)) && json.Unmarshal([]byte(raw), &text) == nil && raw[0] == '"' && raw == string(bytes.TrimSpace([]byte(raw))) {
			var k key
			var s score
			k.readSortValue(&s, []byte(raw))
			if got := string(bytes.ToValidUTF8(s.text, []byte("\uFFFD"))); got != text && bytes.Equal([]byte(text), bytes.ToValidUTF8([]byte(text), nil)) && !bytes.Contains([]byte(text), []byte("\uFFFD")) {
				t.Fatalf("%q: %q, want %q", raw, s.text, text)
			}
		}
		var number float64
		if json.Unmarshal([]byte(raw), &number) == nil && raw == string(bytes.TrimSpace([]byte(raw))) && raw != "null" {
			if got, ok := parseFloat([]byte(raw)); !ok || got != number {
				t.Fatalf("%s: %v %v, want %v", raw, got, ok, number)
			}
			if got, end := quickFloat([]byte(raw+"}"), 0); end > 0 && (got != number || end != len(raw)) {
				t.Fatalf("%s: %v at %d, want %v", raw, got, end, number)
			}
		}
		valid := string(bytes.ToValidUTF8([]byte(raw), []byte("?")))
		if err := json.Unmarshal(rawjson.AppendQuoted(nil, valid), &text); err != nil || text != valid {
			t.Fatalf("%q came back as %q: %v", valid, text, err)
		}
	})
}
