package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
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

// Sorted listings equal one full sort; unsorted ones are the legs in their order, whether the legs were asked from the
// start or only for their windows.
func TestDocuments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := shape{sorted: true, geo: rapid.Bool().Draw(rt, "geo"), desc: rapid.Bool().Draw(rt, "desc"),
			stamped: rapid.Bool().Draw(rt, "stamped"), legacy: rapid.SampledFrom([]int{0, 5}).Draw(rt, "legacy")}
		legs := s.split(rt, drawDocs(rt, 30), 3)
		offset, limit := rapid.IntRange(0, 12).Draw(rt, "offset"), rapid.IntRange(0, 12).Draw(rt, "limit")
		body := func(docs []doc, from, n int) []byte {
			var parts []string
			for _, d := range docs[min(from, len(docs)):min(from+n, len(docs))] {
				parts = append(parts, s.document(d))
			}
			return fmt.Appendf(nil, `{"results":[%s],"offset":%d,"limit":%d,"total":%d}`, strings.Join(parts, ","), from, n, len(docs))
		}
		var whole, windowed [][]byte
		var totals []int64
		for _, l := range legs {
			totals = append(totals, int64(len(l)))
			whole = append(whole, body(l, 0, offset+limit))
		}
		cut := func(docs []doc) []int { return docIDs(docs[min(offset, len(docs)):min(offset+limit, len(docs))]) }
		check := func(req DocumentsRequest, legs [][]byte, want []int) {
			req.Offset, req.Limit = offset, limit
			res, err := Documents(req, legs)
			if err != nil {
				rt.Fatal(err)
			}
			if bytes.Contains(res.Body, []byte("_miroir")) || bytes.Contains(res.Body, []byte("\n")) {
				rt.Fatalf("%s", res.Body)
			}
			if got := documentIDs(t, res.Body); !slices.Equal(got, want) || res.Total != totals[0]+totals[1]+totals[2] {
				rt.Fatalf("%+v: got %v want %v: %s", req, got, want, res.Body)
			}
		}
		check(DocumentsRequest{Sorted: true}, whole, cut(s.merged(legs)))

		var asked []int
		s.sorted, s.geo = false, false // documents without sort values
		whole = nil
		for i, w := range DocumentWindows(totals, offset, limit) {
			asked = append(asked, w.Offset)
			windowed = append(windowed, body(legs[i], w.Offset, w.Limit))
			whole = append(whole, body(legs[i], 0, offset+limit))
		}
		check(DocumentsRequest{}, whole, cut(slices.Concat(legs...)))
		check(DocumentsRequest{Asked: asked}, windowed, cut(slices.Concat(legs...)))
	})
}

func (s shape) document(d doc) string {
	var values []string
	if s.sorted {
		value := "null"
		if d.num != nil {
			value = fmt.Sprint(*d.num)
		} else if d.str != nil {
			value = string(appendString(nil, *d.str))
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
		{"one vector", SimilarRequest{ID: "1", Limit: 2, Offset: 1, MaxTotalHits: 4}, [][]byte{owner, other(3, hit(4, "0.5"), hit(5, "0.2"))},
			`{"hits":[{"id":4},{"id":5}],"id":"1","processingTimeMs":7,"limit":2,"offset":1,"estimatedTotalHits":4}`},
		{"several vectors", SimilarRequest{ID: "1", Limit: 9, PrimaryKey: "id", Group: []int{0, 1, 1}}, [][]byte{owner, other(3, hit(4, "0.5"), hit(5, "0.2")), other(2, hit(1, "0.99"), hit(5, "0.95"), hit(4, "0.1"))},
			`{"hits":[{"id":5},{"id":2},{"id":4},{"id":3}],"id":"1","processingTimeMs":7,"limit":9,"offset":0,"estimatedTotalHits":5}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Similar(c.req, c.legs)
			if err != nil || string(res.Body) != c.want {
				t.Fatalf("%v\ngot  %s\nwant %s", err, res.Body, c.want)
			}
		})
	}
}
