package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// MG-1, MG-2, MG-4: the merge of ranked legs equals one stable sort of everything, cut to the window.
func TestMG1SearchEqualsFullSort(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShape(rt)
		legs := s.split(rt, drawDocs(rt, 40), rapid.IntRange(1, 5).Draw(rt, "legs"))
		page := Page{Offset: rapid.IntRange(0, 15).Draw(rt, "offset"), Limit: rapid.IntRange(0, 20).Draw(rt, "limit")}
		asked := page.Offset + page.Limit
		var bodies [][]byte
		total := 0
		for _, l := range legs {
			bodies = append(bodies, s.body(l, asked))
			total += len(l)
		}
		res, err := Search(SearchRequest{Query: "q", Page: page}, bodies)
		if err != nil {
			rt.Fatal(err)
		}
		a := decode(t, res.Body)
		all := s.merged(legs)
		want := docIDs(all[min(page.Offset, len(all)):min(asked, len(all))])
		if got := ids(t, a); !slices.Equal(got, want) {
			rt.Fatalf("got %v want %v", got, want)
		}
		if *a.EstimatedTotalHits != int64(total) || res.Total != int64(total) || res.Hits != len(want) {
			rt.Fatalf("total %d, want %d", *a.EstimatedTotalHits, total)
		}
	})
}

// MG-2: five pages of ten are one page of fifty, whichever kind of pagination.
func TestMG2PagesConcatenate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShape(rt)
		legs := s.split(rt, drawDocs(rt, 70), 3)
		get := func(p Page, asked int) []int {
			var bodies [][]byte
			for _, l := range legs {
				bodies = append(bodies, s.body(l, asked))
			}
			res, err := Search(SearchRequest{Page: p}, bodies)
			if err != nil {
				rt.Fatal(err)
			}
			return ids(t, decode(t, res.Body))
		}
		want := get(Page{Limit: 50}, 50)
		var offsets, pages []int
		for i := range 5 {
			offsets = append(offsets, get(Page{Offset: 10 * i, Limit: 10}, 10*i+10)...)
			pages = append(pages, get(Page{Exhaustive: true, Page: i + 1, HitsPerPage: 10}, 10*i+10)...)
		}
		if !slices.Equal(offsets, want) || !slices.Equal(pages, want) {
			rt.Fatalf("offsets %v pages %v want %v", offsets, pages, want)
		}
	})
}

// MG-1: the order of legs decides only between hits that the rules leave equal.
func TestMG1LegsPermuted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShape(rt)
		legs := s.split(rt, drawDocs(rt, 30), 4)
		byID := map[int]doc{}
		var bodies [][]byte
		for _, l := range legs {
			bodies = append(bodies, s.body(l, 100))
			for _, d := range l {
				byID[d.id] = d
			}
		}
		run := func(b [][]byte) []int {
			res, err := Search(SearchRequest{Page: Page{Limit: 100}}, b)
			if err != nil {
				rt.Fatal(err)
			}
			return ids(t, decode(t, res.Body))
		}
		first := run(bodies)
		second := run(rapid.Permutation(bodies).Draw(rt, "order"))
		for i := range first {
			if s.naive(byID[first[i]], byID[second[i]]) != 0 {
				rt.Fatalf("rank %d: %v against %v", i, first, second)
			}
		}
	})
}

// MG-1: hits of one leg keep their order even where their keys say otherwise (geo buckets of one metre).
func TestMG1NeverReordersALeg(t *testing.T) {
	hit := func(id int, distance string) string {
		return fmt.Sprintf(`{"id":%d,"_rankingScoreDetails":{"_geoPoint(0, 0):asc":{"order":0,"value":{"lat":0,"lng":0},"distance":%s}}}`, id, distance)
	}
	leg := func(hits ...string) []byte {
		return []byte(`{"hits":[` + strings.Join(hits, ",") + `],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":2}`)
	}
	res, err := Search(SearchRequest{Page: Page{Limit: 9}}, [][]byte{leg(hit(1, "0.9"), hit(2, "0.1")), leg(hit(3, "0.95"), hit(4, "null"))})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, decode(t, res.Body)); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Fatal(got)
	}
}

// MG-1, rule by rule: of each pair the first is better.
func TestMG1Comparator(t *testing.T) {
	words := func(n int) string {
		return fmt.Sprintf(`"words":{"order":0,"matchingWords":%d,"maxMatchingWords":3,"score":0.1}`, n)
	}
	rule := func(name, body string) string { return words(2) + fmt.Sprintf(`,%q:{"order":1,%s}`, name, body) }
	value := func(dir, v string) string { return rule("f:"+dir, `"value":`+v) }
	for _, c := range []struct{ name, better, worse string }{
		{"words", words(3), words(2)},
		{"typo count, not ratio", rule("typo", `"typoCount":0,"maxTypoCount":1,"score":0.1`), rule("typo", `"typoCount":1,"maxTypoCount":9,"score":0.9`)},
		{"proximity", rule("proximity", `"score":0.9`), rule("proximity", `"score":0.8888888888888888`)},
		{"attributeRank", rule("attributeRank", `"score":1.0`), rule("attributeRank", `"score":0.5`)},
		{"attribute first", rule("attribute", `"attributeRankingOrderScore":1.0,"queryWordDistanceScore":0.1,"score":0.1`), rule("attribute", `"attributeRankingOrderScore":0.9,"queryWordDistanceScore":1.0,"score":0.9`)},
		{"attribute then distance", rule("attribute", `"attributeRankingOrderScore":1.0,"queryWordDistanceScore":0.2`), rule("attribute", `"attributeRankingOrderScore":1.0,"queryWordDistanceScore":0.1`)},
		{"wordPosition", rule("wordPosition", `"score":1e0`), rule("wordPosition", `"score":0.99`)},
		{"exact match", rule("exactness", `"matchType":"exactMatch","score":1.0`), rule("exactness", `"matchType":"matchesStart","score":0.6`)},
		{"matches start", rule("exactness", `"matchType":"matchesStart","score":0.6`), rule("exactness", `"matchType":"noExactMatch","matchingWords":3,"maxMatchingWords":3,"score":0.3`)},
		{"exact words", rule("exactness", `"matchType":"noExactMatch","matchingWords":2,"maxMatchingWords":3,"score":0.1`), rule("exactness", `"matchType":"noExactMatch","matchingWords":1,"maxMatchingWords":3,"score":0.3`)},
		{"sort asc", value("asc", "1.0"), value("asc", "2.0")},
		{"sort desc", value("desc", "2.0"), value("desc", "1.0")},
		{"sort beyond integers", value("desc", "9007199254740994"), value("desc", "9007199254740992")},
		{"sort strings asc", value("asc", `"a"`), value("asc", `"b"`)},
		{"sort strings desc", value("desc", `"b"`), value("desc", `"a"`)},
		{"sort strings by bytes", value("asc", `"z"`), value("asc", `"é"`)},
		{"sort escaped", value("asc", `"a\tb"`), value("asc", `"a b"`)},
		{"numbers before strings asc", value("asc", "5"), value("asc", `"1"`)},
		{"numbers before strings desc", value("desc", "5"), value("desc", `"9"`)},
		{"null last asc", value("asc", `"z"`), value("asc", "null")},
		{"null last desc", value("desc", `"a"`), value("desc", "null")},
		{"geo asc", rule("_geoPoint(1, 2):asc", `"value":{"lat":1,"lng":2},"distance":1.5`), rule("_geoPoint(1, 2):asc", `"value":{"lat":1,"lng":2},"distance":2.5`)},
		{"geo desc", rule("_geoPoint(1, 2):desc", `"value":{"lat":1,"lng":2},"distance":2.5`), rule("_geoPoint(1, 2):desc", `"value":{"lat":1,"lng":2},"distance":1.5`)},
		{"geo null last", rule("_geoPoint(1, 2):desc", `"value":{"lat":1,"lng":2},"distance":0.0`), rule("_geoPoint(1, 2):desc", `"value":null,"distance":null`)},
		{"vector", rule("vectorSort", `"similarity":0.75`), rule("vectorSort", `"similarity":0.5`)},
		{"skipped last", rule("exactness", `"matchType":"noExactMatch","matchingWords":0`), words(2) + `,"skipped":{"order":1}`},
		{"order, not position", `"b:asc":{"order":1,"value":9},"a:asc":{"order":0,"value":1}`, `"a:asc":{"order":0,"value":2},"b:asc":{"order":1,"value":1}`},
		{"longer first", words(2) + `,"x:asc":{"order":1,"value":null}`, words(2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			// As engines write it, and with spaces, which is read in another way.
			for _, spell := range []func(string) string{func(s string) string { return s }, func(s string) string { return strings.ReplaceAll(s, `":`, `" : `) }} {
				var x, y key
				for k, text := range map[*key]string{&x: c.better, &y: c.worse} {
					if end, _ := k.read([]byte("{"+spell(text)+"}"), 0); end < 0 {
						t.Fatal("unreadable")
					}
				}
				if compareScores(x.scores, y.scores) >= 0 || compareScores(y.scores, x.scores) <= 0 || compareScores(x.scores, x.scores) != 0 {
					t.Fatalf("%+v\n%+v", x.scores, y.scores)
				}
			}
		})
	}
}

// MG-3: scores are only shown to those who asked; a document's own field of the same name stays.
func TestMG3Strip(t *testing.T) {
	hit := `{"_rankingScoreDetails":7, "a":1 ,"_rankingScore":"mine","_formatted":{"h":"x","a":"1"},"h":{"_rankingScore":2},"_rankingScore":0.5,"_rankingScoreDetails":{"words":{"order":0}}}`
	leg := []byte(`{"hits":[` + hit + `],"query":"","processingTimeMs":0,"limit":1,"offset":0,"estimatedTotalHits":1}`)
	for _, c := range []struct {
		name string
		req  SearchRequest
		want string
	}{
		{"both", SearchRequest{ShowRankingScoreDetails: true}, hit},
		{"score", SearchRequest{}, `{"_rankingScoreDetails":7, "a":1 ,"_rankingScore":"mine","_formatted":{"h":"x","a":"1"},"h":{"_rankingScore":2},"_rankingScore":0.5}`},
		{"details", SearchRequest{CutRankingScore: true, ShowRankingScoreDetails: true}, `{"_rankingScoreDetails":7, "a":1 ,"_rankingScore":"mine","_formatted":{"h":"x","a":"1"},"h":{"_rankingScore":2},"_rankingScoreDetails":{"words":{"order":0}}}`},
		{"none", SearchRequest{CutRankingScore: true}, `{"_rankingScoreDetails":7, "a":1 ,"_rankingScore":"mine","_formatted":{"h":"x","a":"1"},"h":{"_rankingScore":2}}`},
		{"hidden", SearchRequest{CutRankingScore: true, Veil: Veil{Extra: []Extra{{Field: "h"}}}}, `{"_rankingScoreDetails":7, "a":1 ,"_rankingScore":"mine","_formatted":{"a":"1"}}`},
		{"hidden first", SearchRequest{CutRankingScore: true, Veil: Veil{Extra: []Extra{{Field: "a"}, {Field: "_rankingScoreDetails"}}}}, `{"_rankingScore":"mine","_formatted":{"h":"x"},"h":{"_rankingScore":2}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.Page.Limit = 1
			res, err := Search(c.req, [][]byte{leg})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(decode(t, res.Body).Hits[0]); got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// MG-4: totals add up; pages are counted anew; the cap only where the engine has it.
func TestMG4Totals(t *testing.T) {
	leg := func(n int) []byte {
		return fmt.Appendf(nil, `{"hits":[],"query":"x","processingTimeMs":%d,"hitsPerPage":8,"page":1,"totalPages":9,"totalHits":%d}`, n, n)
	}
	legs := [][]byte{leg(700), leg(0), leg(801)}
	for _, c := range []struct {
		name string
		req  SearchRequest
		want string
	}{
		{"offset", SearchRequest{Page: Page{Offset: 3, Limit: 4}, MaxTotalHits: 1000}, `"limit":4,"offset":3,"estimatedTotalHits":1501`},
		{"capped", SearchRequest{Page: Page{Offset: 3, Limit: 4}, MaxTotalHits: 1000, CapTotals: true}, `"limit":4,"offset":3,"estimatedTotalHits":1000`},
		{"pages", SearchRequest{Page: Page{Exhaustive: true, Page: 2, HitsPerPage: 100}, MaxTotalHits: 1000}, `"hitsPerPage":100,"page":2,"totalPages":16,"totalHits":1501`},
		{"capped pages", SearchRequest{Page: Page{Exhaustive: true, Page: 2, HitsPerPage: 100}, MaxTotalHits: 1000, CapTotals: true}, `"hitsPerPage":100,"page":2,"totalPages":10,"totalHits":1000`},
		{"no hits per page", SearchRequest{Page: Page{Exhaustive: true, Page: 1}}, `"hitsPerPage":0,"page":1,"totalPages":0,"totalHits":1501`},
		{"page zero", SearchRequest{Page: Page{Exhaustive: true, HitsPerPage: 20}}, `"hitsPerPage":20,"page":0,"totalPages":76,"totalHits":1501`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.Query = "x\"\n"
			res, err := Search(c.req, legs)
			if err != nil {
				t.Fatal(err)
			}
			// MG-7: the slowest leg's time.
			if want := `{"hits":[],"query":"x\"\n","processingTimeMs":801,` + c.want + `}`; string(res.Body) != want {
				t.Fatalf("got  %s\nwant %s", res.Body, want)
			}
		})
	}
}

// MG-2: no rank beyond maxTotalHits is served.
func TestMG2MaxTotalHits(t *testing.T) {
	s := shape{}
	var docs []doc
	for i := range 12 {
		docs = append(docs, doc{id: i})
	}
	legs := [][]byte{s.body(docs[:6], 100), s.body(docs[6:], 100)}
	for _, c := range []struct {
		page Page
		want []int
	}{
		{Page{Offset: 4, Limit: 10}, []int{4, 5, 6, 7}},
		{Page{Offset: 8, Limit: 10}, []int{}},
		{Page{Offset: maxInt, Limit: maxInt}, []int{}},
		{Page{Exhaustive: true, Page: 3, HitsPerPage: 3}, []int{6, 7}},
		{Page{Exhaustive: true, Page: maxInt, HitsPerPage: maxInt}, []int{}},
	} {
		res, err := Search(SearchRequest{Page: c.page, MaxTotalHits: 8}, legs)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(t, decode(t, res.Body)); !slices.Equal(got, c.want) {
			t.Fatalf("%+v: got %v want %v", c.page, got, c.want)
		}
	}
}

// MG-8: the vector is the first leg's, the semantic count is the page's, degraded is any leg's.
func TestMG8Semantic(t *testing.T) {
	leg := func(vector, extra string) []byte {
		return []byte(`{"hits":[{"id":1,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":0.5}}},{"id":2,"_rankingScoreDetails":{}}],"query":"",` + vector +
			`"processingTimeMs":3,"limit":4,"offset":0,"estimatedTotalHits":2` + extra + `}`)
	}
	res, err := Search(SearchRequest{Page: Page{Limit: 2}, RequestUID: "u", Metadata: []byte(`{"m":1}`)}, [][]byte{
		leg(`"queryVector":[0.5,1.0],`, `,"performanceDetails":{"a":"1ms"},"semanticHitCount":1`), leg(`"queryVector":[],`, `,"semanticHitCount":1,"degraded":true`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hits":[{"id":1},{"id":1}],"query":"","queryVector":[0.5,1.0],"processingTimeMs":3,"limit":2,"offset":0,"estimatedTotalHits":4,` +
		`"requestUid":"u","metadata":{"m":1},"performanceDetails":{"a":"1ms"},"semanticHitCount":2,"degraded":true}`
	if string(res.Body) != want || res.SemanticHits != 2 || !slices.Equal(res.LegSemanticHits, []int64{1, 1}) {
		t.Fatalf("got  %s\nwant %s", res.Body, want)
	}
}

// MG-9: of every distinct value the best hit of the merged list stays.
func TestMG9Distinct(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShape(rt)
		legs := s.split(rt, drawDocs(rt, 40), 3)
		var bodies [][]byte
		for i, l := range legs {
			seen := map[string]bool{}
			l = slices.DeleteFunc(l, func(d doc) bool { // as the leg's own engine
				old := seen[d.group]
				seen[d.group] = true
				return old
			})
			legs[i] = l
			bodies = append(bodies, s.body(l, 100))
		}
		seen := map[string]bool{}
		var want []int
		for _, d := range s.merged(legs) {
			if !seen[d.group] {
				want = append(want, d.id)
			}
			seen[d.group] = true
		}
		from := rapid.IntRange(0, 3).Draw(rt, "from")
		res, err := Search(SearchRequest{Page: Page{Offset: from, Limit: 3}, Distinct: "group"}, bodies)
		if err != nil {
			rt.Fatal(err)
		}
		want = want[min(from, len(want)):min(from+3, len(want))]
		if got := ids(t, decode(t, res.Body)); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			rt.Fatalf("got %v want %v", got, want)
		}
	})
}

func TestMG9DistinctValues(t *testing.T) {
	leg := func(hits ...string) []byte {
		return []byte(`{"hits":[` + strings.Join(hits, ",") + `],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":2}`)
	}
	legs := [][]byte{
		leg(`{"id":1,"v":{"s":"Blue "}}`, `{"id":2,"v":[{"s":1},{"s":["x",null]}]}`, `{"id":3}`, `{"id":4,"v":{"s":null}}`),
		leg(`{"id":5,"v":{"s":"ｂlue"}}`, `{"id":6,"v":{"s":1.0}}`, `{"id":7,"v":{"s":["y","X"]}}`, `{"id":8,"v":{"s":["y","\u0079z"]}}`, `{"id":9,"v":{"s":"1"}}`, `{"id":10}`),
	}
	res, err := Search(SearchRequest{Page: Page{Limit: 20}, Distinct: "v.s"}, legs)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, decode(t, res.Body)); !slices.Equal(got, []int{1, 2, 3, 4, 8, 9, 10}) {
		t.Fatal(got)
	}
}

// A pinned hit keeps the position its rule gives it; the others close up around it.
func TestPins(t *testing.T) {
	hit := func(id int, details string) string {
		return fmt.Sprintf(`{"id":%d,"_rankingScoreDetails":{%s}}`, id, details)
	}
	pin := func(at int) string { return fmt.Sprintf(`"pin":{"order":0,"position":%d}`, at) }
	price := func(v int) string { return fmt.Sprintf(`"p:asc":{"order":0,"value":%d}`, v) }
	leg := func(hits ...string) []byte {
		return []byte(`{"hits":[` + strings.Join(hits, ",") + `],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":4}`)
	}
	legs := [][]byte{
		leg(hit(1, price(1)), hit(2, pin(1)), hit(3, price(5)), hit(4, price(7))),
		leg(hit(5, pin(0)), hit(6, price(2)), hit(7, price(3)), hit(8, pin(90))),
	}
	for _, c := range []struct {
		page Page
		want []int
	}{
		{Page{Limit: 20}, []int{5, 2, 1, 6, 7, 3, 4, 8}},
		{Page{Offset: 1, Limit: 3}, []int{2, 1, 6}},
		{Page{Offset: 6, Limit: 3}, []int{4, 8}},
	} {
		res, err := Search(SearchRequest{Page: c.page, Pins: true}, legs)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(t, decode(t, res.Body)); !slices.Equal(got, c.want) {
			t.Fatalf("got %v want %v", got, c.want)
		}
	}
}

func TestSearchRejectsOtherAnswers(t *testing.T) {
	good := string(shape{keyword: true}.body([]doc{{id: 1, words: 1}, {id: 2}}, 9))
	for _, body := range []string{"", "{", "[]", "null", `{"message":"x","code":"internal"}`, `{"hits":[]}`, `{"hits":{},"estimatedTotalHits":1}`,
		good[:len(good)-1], good[:len(good)/2], `{"hits":[1],"estimatedTotalHits":1}`, `{"hits":[{}],"estimatedTotalHits":"x"}`} {
		if _, err := Search(SearchRequest{Page: Page{Limit: 5}}, [][]byte{[]byte(good), []byte(body)}); !errors.Is(err, ErrAnswer) {
			t.Errorf("%q: %v", body, err)
		}
	}
	res, err := Search(SearchRequest{Page: Page{Limit: 5}}, nil)
	if err != nil || !json.Valid(res.Body) {
		t.Fatal(err, string(res.Body))
	}
}

// The walk in blocks of 64 bytes does not depend on where quotes, backslashes and brackets fall.
func TestHitScanAtEveryOffset(t *testing.T) {
	const details = `"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}}`
	for _, text := range []string{``, `\"`, `\\`, `\\\"}`, `]}`, `{[`, `\u0022}`, `_yY{`, `é"` + `,"x":"`, `","a":[{"b":"]"}],"c":"`, `","a":{` + details + `},"c":"`} {
		for pad := range 2 * blockSize {
			hit := `{"t":"` + strings.Repeat("x", pad) + text + `",` + details + `}`
			body := []byte(`{"hits":[` + hit + `,` + hit + `],"query":"` + strings.Repeat("q", blockSize) + `","estimatedTotalHits":2}`)
			if !json.Valid(body) {
				t.Fatalf("not JSON: %s", body)
			}
			var s stream
			if err := s.open(body, "hits", 0); err != nil {
				t.Fatal(err)
			}
			at := len(`{"hits":[`)
			if _, fine := s.scanHit(at); !fine || string(s.hit.whole.of(body)) != hit || string(s.hit.details.of(body)) != details {
				t.Fatalf("%v %+v: %s", fine, s.hit, body)
			}
			if s.hit.details.start != at+len(hit)-len(details)-1 {
				t.Fatalf("details of another object: %s", body)
			}
		}
	}
}

// Rules that a hit shares with the one before are not read again; the key is the same as if they were.
func TestKeysOfNeighbours(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawShape(rt)
		var kept key
		for _, d := range drawDocs(rt, 12) {
			text := []byte(s.details(d))
			var fresh key
			endKept, _ := kept.read(text, 0)
			endFresh, _ := fresh.read(text, 0)
			if endKept != len(text) || endFresh != len(text) || compareScores(kept.scores, fresh.scores) != 0 || kept.vector != fresh.vector {
				rt.Fatalf("%s: %d %+v, %d %+v", text, endKept, kept.scores, endFresh, fresh.scores)
			}
		}
	})
}

func TestKeysOfNeighboursShare(t *testing.T) {
	for _, c := range [][2]string{
		{`{"a:asc":{"order":0,"value":"x\ty"},"b:asc":{"order":1,"value":"p\tq"}}`, `{"a:asc":{"order":0,"value":"x\ty"},"b:asc":{"order":1,"value":"longer\tr"}}`},
		{`{"vectorSort":{"order":0,"similarity":0.5},"b:asc":{"order":1,"value":1}}`, `{"vectorSort":{"order":0,"similarity":0.5},"b:asc":{"order":1,"value":2}}`},
		{`{"pin":{"order":0,"position":3},"b:asc":{"order":1,"value":1}}`, `{"pin":{"order":0,"position":3},"b:asc":{"order":1,"value":2}}`},
		{`{"b:asc":{"order":1,"value":1},"a:asc":{"order":0,"value":1}}`, `{"b:asc":{"order":1,"value":1},"a:asc":{"order":0,"value":2}}`},
	} {
		var kept, fresh key
		kept.read([]byte(c[0]), 0)
		kept.read([]byte(c[1]), 0)
		fresh.read([]byte(c[1]), 0)
		if compareScores(kept.scores, fresh.scores) != 0 || kept.vector != fresh.vector || kept.pinned != fresh.pinned || kept.pin != fresh.pin {
			t.Errorf("%s: %+v, %+v", c[1], kept, fresh)
		}
	}
}
