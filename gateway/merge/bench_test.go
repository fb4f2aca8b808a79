package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// movieLegs builds the answers of n legs that each hold `each` ranked movies with the details of a two-word query.
func movieLegs(b *testing.B, n, each int, marked bool) (legs [][]byte, size int) {
	b.Helper()
	raw, err := os.ReadFile("../../../shared/data/movies.ndjson")
	if err != nil {
		b.Fatal("the benchmark needs the movies beside the project: ", err)
	}
	movies := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	s := shape{keyword: true}
	rnd := rand.New(rand.NewPCG(1, 2))
	for leg := range n {
		docs := make([]doc, each)
		for i := range docs {
			docs[i] = doc{id: rnd.IntN(len(movies)), leg: leg, words: 3 - rnd.IntN(2), typos: rnd.IntN(3), prox: 7 - rnd.IntN(4),
				attr: 3 - rnd.IntN(2), pos: 11 - rnd.IntN(6), exact: rnd.IntN(3), exWords: rnd.IntN(2)}
		}
		slices.SortStableFunc(docs, s.naive)
		var hits []string
		s.stamped = marked
		for _, d := range docs {
			m := movies[d.id]
			hits = append(hits, s.marked(fmt.Sprintf(`%s,"_rankingScore":0.9949494949494949,"_rankingScoreDetails":%s`, m[:len(m)-1], s.details(d)), d))
		}
		body := fmt.Appendf(nil, `{"hits":[%s],"query":"love story","processingTimeMs":3,"limit":%d,"offset":0,"estimatedTotalHits":%d,"requestUid":"01a20b86-ad27-7c32-9e4e-cdc2fd3956f7"}`,
			strings.Join(hits, ","), each, 4*each)
		legs = append(legs, body)
		size += len(body)
	}
	return legs, size
}

func benchmarkSearch(b *testing.B, each, limit int, marked bool) {
	legs, _ := movieLegs(b, 3, each, marked)
	req := SearchRequest{Query: "love story", Page: Page{Limit: limit}, MaxTotalHits: 1000, RequestUID: "01a20b86-ad27-7c32-9e4e-cdc2fd3956f7"}
	b.ReportAllocs()
	for b.Loop() {
		res, err := Search(req, legs)
		if err != nil || res.Hits != limit {
			b.Fatal(err, res.Hits)
		}
		b.SetBytes(int64(len(res.Body)))
	}
}

// MG-11: a page of 1,000 hits from 3 legs. Each leg brought a third of them, or all it was asked for.
func BenchmarkSearch1000From3Thirds(b *testing.B) { benchmarkSearch(b, 334, 1000, true) }
func BenchmarkSearch1000From3Full(b *testing.B)   { benchmarkSearch(b, 1000, 1000, true) }
func BenchmarkSearch20From3(b *testing.B)         { benchmarkSearch(b, 20, 20, true) }

// The same from sidecars that keep no stamps and set no marks.
func BenchmarkSearch1000From3Unmarked(b *testing.B) { benchmarkSearch(b, 334, 1000, false) }

// The same page into a buffer that the caller keeps.
func BenchmarkSearch1000From3Reused(b *testing.B) {
	legs, _ := movieLegs(b, 3, 334, true)
	req := SearchRequest{Query: "love story", Page: Page{Limit: 1000}, MaxTotalHits: 1000}
	b.ReportAllocs()
	for b.Loop() {
		res, err := Search(req, legs)
		if err != nil {
			b.Fatal(err)
		}
		req.Dst = res.Body[:0]
	}
}

// The plain way for comparison: decode everything, sort everything, encode the page.
func benchmarkDecode(b *testing.B, each, limit int) {
	legs, _ := movieLegs(b, 3, each, false)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeEverything(legs, limit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEverything1000From3Thirds(b *testing.B) { benchmarkDecode(b, 334, 1000) }
func BenchmarkDecodeEverything20From3(b *testing.B)         { benchmarkDecode(b, 20, 20) }

func decodeEverything(legs [][]byte, limit int) ([]byte, error) {
	type hit = map[string]any
	var hits []hit
	total := 0.0
	for _, leg := range legs {
		var a struct {
			Hits               []hit
			EstimatedTotalHits float64
		}
		if err := json.Unmarshal(leg, &a); err != nil {
			return nil, err
		}
		hits = append(hits, a.Hits...)
		total += a.EstimatedTotalHits
	}
	number := func(h hit, rule, field string) float64 {
		d, _ := h["_rankingScoreDetails"].(hit)
		r, _ := d[rule].(hit)
		v, _ := r[field].(float64)
		return v
	}
	slices.SortStableFunc(hits, func(x, y hit) int {
		for _, by := range []struct {
			rule, field string
			sign        float64
		}{{"words", "matchingWords", -1}, {"typo", "typoCount", 1}, {"proximity", "score", -1}, {"attributeRank", "score", -1}, {"wordPosition", "score", -1}, {"exactness", "score", -1}} {
			if d := by.sign * (number(x, by.rule, by.field) - number(y, by.rule, by.field)); d < 0 {
				return -1
			} else if d > 0 {
				return 1
			}
		}
		return 0
	})
	hits = hits[:min(limit, len(hits))]
	for _, h := range hits {
		delete(h, "_rankingScore")
		delete(h, "_rankingScoreDetails")
	}
	return json.Marshal(map[string]any{"hits": hits, "query": "love story", "processingTimeMs": 3, "limit": limit, "offset": 0, "estimatedTotalHits": total})
}
