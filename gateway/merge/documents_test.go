package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/rawjson"
)

func documentIDs(t testing.TB, body []byte) []int {
	t.Helper()
	var a struct{ Results []map[string]any }
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	out := []int{}
	for _, d := range a.Results {
		if _, ok := d["_federation"]; ok {
			t.Fatal("_federation was left in")
		}
		out = append(out, int(d["id"].(float64)))
	}
	return out
}

// Sorted listings equal one full sort, ties as they were written.
func TestSortedDocuments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := shape{sorted: true, geo: rapid.Bool().Draw(rt, "geo"), desc: rapid.Bool().Draw(rt, "desc"),
			stamped: rapid.Bool().Draw(rt, "stamped"), legacy: rapid.SampledFrom([]int{0, 5}).Draw(rt, "legacy")}
		legs := s.split(rt, drawDocs(rt, 30), 3)
		offset, limit := rapid.IntRange(0, 12).Draw(rt, "offset"), rapid.IntRange(0, 12).Draw(rt, "limit")
		var bodies [][]byte
		total := 0
		for _, l := range legs {
			bodies = append(bodies, s.list(l, 0, offset+limit))
			total += len(l)
		}
		res, err := Documents(DocumentsRequest{Offset: offset, Limit: limit, Sorted: true}, bodies)
		if err != nil {
			rt.Fatal(err)
		}
		all := s.merged(legs)
		want := docIDs(all[min(offset, len(all)):min(offset+limit, len(all))])
		if got := documentIDs(t, res.Body); !slices.Equal(got, want) || res.Total != int64(total) || res.Hits != len(want) {
			rt.Fatalf("got %v want %v: %s", got, want, res.Body)
		}
	})
}

// Unsorted listings take, of the documents at the heads of the legs' lists, the one that was written first; a page is the
// same whether the legs are asked from the start or from the places to which a walk in pieces led.
func TestUnsortedDocuments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := shape{stamped: rapid.IntRange(0, 4).Draw(rt, "stamped") > 0, legacy: rapid.SampledFrom([]int{0, 20}).Draw(rt, "legacy")}
		legs := make([][]doc, rapid.IntRange(1, 4).Draw(rt, "legs"))
		for range rapid.IntRange(0, 60).Draw(rt, "docs") {
			// Stamps come in any order: documents are replaced and keep their places in their leg.
			i := rapid.IntRange(0, len(legs)-1).Draw(rt, "leg")
			legs[i] = append(legs[i], doc{id: rapid.IntRange(0, 99).Draw(rt, "id")})
		}
		all := s.heads(legs)
		offset, limit := rapid.IntRange(0, 70).Draw(rt, "offset"), rapid.IntRange(0, 20).Draw(rt, "limit")
		want := docIDs(all[min(offset, len(all)):min(offset+limit, len(all))])

		at := make([]int, len(legs))
		skip := offset
		for until := rapid.IntRange(0, offset).Draw(rt, "walk"); offset-skip < min(until, len(all)); {
			piece := rapid.IntRange(1, 9).Draw(rt, "piece")
			p, err := PassDocuments(at, until-(offset-skip), s.pieces(legs, at, piece))
			if err != nil || p.Documents == 0 || p.Total != int64(len(all)) {
				rt.Fatalf("%+v, %v", p, err)
			}
			for i := range at {
				at[i] += p.Used[i]
			}
			skip -= p.Documents
		}
		res, err := Documents(DocumentsRequest{Offset: offset, Passed: offset - skip, Limit: limit}, s.pieces(legs, at, skip+limit))
		if err != nil {
			rt.Fatal(err)
		}
		if bytes.Contains(res.Body, []byte("_miroir")) || bytes.Contains(res.Body, []byte("\n")) {
			rt.Fatalf("%s", res.Body)
		}
		if got := documentIDs(t, res.Body); !slices.Equal(got, want) || res.Total != int64(len(all)) || res.Hits != len(want) {
			rt.Fatalf("got %v want %v: %s", got, want, res.Body)
		}
		used := 0
		for i := range at {
			used += at[i] + res.Used[i]
		}
		if limit > 0 && used != min(offset+limit, len(all)) {
			rt.Fatalf("the page ends at %d, not at %d", used, min(offset+limit, len(all)))
		}
	})
}

// heads is the naive twin of an unsorted listing.
func (s shape) heads(legs [][]doc) []doc {
	rest := slices.Clone(legs)
	var out []doc
	for {
		best := -1
		for i := range rest {
			if len(rest[i]) > 0 && (best < 0 || s.stamp(rest[i][0]) < s.stamp(rest[best][0])) {
				best = i
			}
		}
		if best < 0 {
			return out
		}
		out, rest[best] = append(out, rest[best][0]), rest[best][1:]
	}
}

// list is a leg's answer to a listing.
func (s shape) list(docs []doc, from, n int) []byte {
	var parts []string
	for _, d := range docs[min(from, len(docs)):min(from+n, len(docs))] {
		parts = append(parts, s.document(d))
	}
	return fmt.Appendf(nil, `{"results":[%s],"offset":%d,"limit":%d,"total":%d}`, strings.Join(parts, ","), from, n, len(docs))
}

func (s shape) pieces(legs [][]doc, at []int, n int) [][]byte {
	var out [][]byte
	for i, l := range legs {
		out = append(out, s.list(l, at[i], n))
	}
	return out
}

func (s shape) document(d doc) string {
	var values []string
	if s.sorted {
		value := "null"
		if d.num != nil {
			value = fmt.Sprint(*d.num)
		} else if d.str != nil {
			value = string(rawjson.AppendQuoted(nil, *d.str))
		}
		values = append(values, fmt.Sprintf(`{"sort":{"asc":%v,"value":%s}}`, !s.desc, value))
	}
	if s.geo {
		distance := "null"
		if d.dist != nil {
			distance = fmt.Sprint(*d.dist)
		}
		values = append(values, fmt.Sprintf(`{"geoSort":{"asc":%v,"distance":%s}}`, !s.desc, distance))
	}
	if values == nil {
		return s.marked(fmt.Sprintf(`{"id":%d,"t":"x\"]}"`, d.id), d)
	}
	return s.marked(fmt.Sprintf(`{"id":%d,"t":"x\"]}","_federation":{"weightedScoreValues":[%s]}`, d.id, strings.Join(values, ",")), d)
}

func TestDocumentsRejectsOtherAnswers(t *testing.T) {
	for _, body := range []string{"", "{}", `{"results":[]}`, `{"results":[],"total":-1}`, `{"results":[{"id":1}`, `{"message":"x","total":1}`} {
		if _, err := Documents(DocumentsRequest{Limit: 5}, [][]byte{[]byte(body)}); err == nil {
			t.Errorf("%q was accepted", body)
		}
	}
	// Sorted legs without sort values cannot be merged.
	if _, err := Documents(DocumentsRequest{Limit: 5, Sorted: true}, [][]byte{[]byte(`{"results":[{"id":1}],"offset":0,"limit":5,"total":1}`)}); err == nil {
		t.Error("unsorted leg was accepted")
	}
}

func TestSimilar(t *testing.T) {
	hit := func(id int, similarity string) string {
		return fmt.Sprintf(`{"id":%d,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":%s}}}`, id, similarity)
	}
	owner := []byte(`{"hits":[` + hit(2, "0.9") + "," + hit(3, "0.1") + `],"id":"1","processingTimeMs":7,"limit":9,"offset":0,"estimatedTotalHits":2}`)
	other := func(total int, hits ...string) []byte {
		return fmt.Appendf(nil, `{"hits":[%s],"query":"","processingTimeMs":1,"limit":9,"offset":0,"estimatedTotalHits":%d,"semanticHitCount":1}`, strings.Join(hits, ","), total)
	}
	for _, c := range []struct {
		name string
		req  SimilarRequest
		legs [][]byte
		want string
	}{
		{"one vector", SimilarRequest{ID: "1", Limit: 2, Offset: 1, MaxTotalHits: 4, Indexes: make([]SimilarIndex, 1)}, [][]byte{owner, other(3, hit(4, "0.5"), hit(5, "0.2"))},
			`{"hits":[{"id":4},{"id":5}],"id":"1","processingTimeMs":7,"limit":2,"offset":1,"estimatedTotalHits":4}`},
		{"several vectors", SimilarRequest{ID: "1", Limit: 9, Indexes: []SimilarIndex{{PrimaryKey: "id"}}, Legs: []SimilarLeg{{}, {0, 1}, {0, 1}}}, [][]byte{owner, other(3, hit(4, "0.5"), hit(5, "0.2")), other(2, hit(1, "0.99"), hit(5, "0.95"), hit(4, "0.1"))},
			`{"hits":[{"id":5},{"id":2},{"id":4},{"id":3}],"id":"1","processingTimeMs":7,"limit":9,"offset":0,"estimatedTotalHits":5}`},
		// F7: every index has fields of its own to hide and a primary key of its own; the first index comes first.
		{"several indexes", SimilarRequest{
			ID: "1", Limit: 9, Legs: []SimilarLeg{{1, 0}, {0, 0}}, Namesakes: 1,
			Indexes: []SimilarIndex{{PrimaryKey: "id", Veil: Veil{Extra: []Extra{{Field: "a"}}}}, {PrimaryKey: "b", Veil: Veil{Extra: []Extra{{Field: "id"}}}}},
		}, [][]byte{
			other(3, strings.Replace(hit(7, "0.9"), `"id"`, `"b":1,"id"`, 1), strings.Replace(hit(7, "0.5"), `"id"`, `"b":2,"id"`, 1)),
			other(2, strings.Replace(hit(2, "0.5"), `"id"`, `"a":7,"id"`, 1), hit(2, "0.4")),
		}, `{"hits":[{"id":2},{"b":2}],"id":"1","processingTimeMs":1,"limit":9,"offset":0,"estimatedTotalHits":4}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Similar(c.req, c.legs)
			if err != nil || string(res.Body) != c.want {
				t.Fatalf("%v\ngot  %s\nwant %s", err, res.Body, c.want)
			}
		})
	}
}

// Similar documents: what has no vector is similar to nothing, and the list ends at the threshold, which then counts it.
func TestSimilarEnds(t *testing.T) {
	leg := func(hits ...string) []byte {
		return []byte(`{"hits":[` + strings.Join(hits, ",") + `],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":7}`)
	}
	hit := func(id int, similarity string) string {
		return fmt.Sprintf(`{"id":%d,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":%s}}}`, id, similarity)
	}
	legs := [][]byte{leg(hit(1, "0.9"), hit(3, "0.5"), hit(5, "null")), leg(hit(2, "0.75"), hit(4, "0.0"), hit(6, "null"))}
	low, high := 0.6, 0.2
	for _, c := range []struct {
		threshold     *float64
		offset, limit int
		ids           []int
		total         int64
	}{
		{nil, 0, 9, []int{1, 2, 3, 4}, 14}, {&low, 0, 9, []int{1, 2}, 2}, {&low, 0, 1, []int{1}, 14}, {&low, 1, 5, []int{2}, 2}, {&high, 0, 3, []int{1, 2, 3}, 14},
	} {
		res, err := Similar(SimilarRequest{ID: "9", Indexes: []SimilarIndex{{PrimaryKey: "id"}}, Offset: c.offset, Limit: c.limit, Threshold: c.threshold}, legs)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(t, decode(t, res.Body)); !slices.Equal(got, c.ids) || res.Total != c.total {
			t.Errorf("%+v: %v of %d", c, got, res.Total)
		}
	}
}

func TestDocumentVectors(t *testing.T) {
	for listing, want := range map[string]string{
		`{"results":[{"_vectors":{"e":{"embeddings":[[1,2],[3]],"regenerate":false}}}],"total":1}`: "[1,2] [3]",
		`{"results":[{"_vectors":{"e":{"embeddings":[1,2]}}}]}`:                                    "[1,2]",
		`{"results":[{"_vectors":{"e":[[5]],"f":[[6]]}}]}`:                                         "[5]",
		`{"results":[{"_vectors":{"f":[[6]]}}]}`:                                                   "",
		`{"results":[{"_vectors":{"e":null}}]}`:                                                    "",
		`{"results":[{}]}`:                                                                         "",
		`{"results":[]}`:                                                                           "none",
	} {
		vectors, found, err := DocumentVectors([]byte(listing), "e")
		got := string(bytes.Join(vectors, []byte(" ")))
		if !found {
			got = "none"
		}
		if err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", listing, got, err, want)
		}
	}
	if _, _, err := DocumentVectors([]byte(`{"x":1}`), "e"); err == nil {
		t.Error("an answer that is no listing is read")
	}
}
