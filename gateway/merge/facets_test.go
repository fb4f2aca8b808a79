package merge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// facetDoc holds the values of one facet of one document: numbers and strings.
type facetDoc struct {
	numbers []float64
	texts   []string
}

// engineFacet is the plain twin of an engine: it counts, orders and cuts the values of one facet.
func engineFacet(docs []facetDoc, order FacetOrder, level bool, limit int) (distribution, stats string) {
	numbers, texts, spelling := map[float64]int{}, map[string]int{}, map[string]string{}
	for _, d := range docs {
		for _, n := range d.numbers {
			numbers[n]++
		}
		seen := map[string]bool{}
		for _, s := range d.texts {
			norm := normalise(s)
			if old, ok := spelling[norm]; !ok || s < old {
				spelling[norm] = s
			}
			if !seen[norm] {
				texts[norm]++
			}
			seen[norm] = true
		}
	}
	text := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	var ns []float64
	for n := range numbers {
		ns = append(ns, n)
	}
	slices.SortFunc(ns, func(x, y float64) int {
		switch {
		case order == FacetCount && numbers[x] != numbers[y]:
			return numbers[y] - numbers[x]
		case order == FacetCount:
			return int(4 * (y - x))
		case level:
			return int(4 * (x - y))
		}
		return strings.Compare(text(x), text(y))
	})
	var ss []string
	for s := range texts {
		ss = append(ss, s)
	}
	slices.SortFunc(ss, func(x, y string) int {
		switch {
		case order == FacetCount && texts[x] != texts[y]:
			return texts[y] - texts[x]
		case order == FacetCount:
			return strings.Compare(y, x)
		}
		return strings.Compare(x, y)
	})
	var parts []string
	for _, n := range ns {
		parts = append(parts, fmt.Sprintf("%q:%d", text(n), numbers[n]))
	}
	for _, s := range ss {
		parts = append(parts, fmt.Sprintf("%s:%d", rawjson.AppendQuoted(nil, spelling[s]), texts[s]))
	}
	parts = parts[:min(limit, len(parts))]
	stats = "{}"
	if len(ns) > 0 {
		stats = fmt.Sprintf(`{"f":{"min":%s,"max":%s}}`, text(slices.Min(ns)), text(slices.Max(ns)))
	}
	return `{"f":{` + strings.Join(parts, ",") + `}}`, stats
}

// MG-5, MG-6: merged facets are those of one engine that holds all documents.
func TestMG5FacetsEqualOneEngine(t *testing.T) {
	pool := []string{"Blue", "blue", " blue", "BLUE", "red", "Red", "Ärger", "ärger", "ﬁne", "fine", "12a", "a\"b", "a\\b", "x y", "", "Σας", "ΣΑΣ", "-"}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SampledFrom([]FacetOrder{FacetAlpha, FacetCount}).Draw(rt, "order")
		candidates := rapid.SampledFrom([]int64{10, 3000, 3001}).Draw(rt, "candidates")
		limit := rapid.IntRange(1, 12).Draw(rt, "limit")
		var all []facetDoc
		var legs []facetLeg
		for range rapid.IntRange(1, 4).Draw(rt, "legs") {
			var docs []facetDoc
			for range rapid.IntRange(0, 12).Draw(rt, "docs") {
				var d facetDoc
				for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(-8, 60), 0, 3, rapid.ID[int]).Draw(rt, "numbers") {
					d.numbers = append(d.numbers, float64(n)/4)
				}
				d.texts = rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 0, 3, normalise).Draw(rt, "texts")
				docs = append(docs, d)
			}
			own := rapid.SampledFrom([]int64{10, 3001}).Draw(rt, "leg candidates")
			distribution, stats := engineFacet(docs, order, own > levelThreshold, 1000)
			legs = append(legs, facetLeg{[]byte(distribution), []byte(stats), own})
			all = append(all, docs...)
		}
		out, err := mergeFacets(FacetSettings{MaxValues: limit, SortBy: map[string]FacetOrder{"*": order}}, candidates, legs)
		if err != nil {
			rt.Fatal(err)
		}
		distribution, stats := engineFacet(all, order, candidates > levelThreshold, limit)
		if string(out.distribution) != distribution || string(out.stats) != stats || out.approximate != nil {
			rt.Fatalf("got  %s %s\nwant %s %s", out.distribution, out.stats, distribution, stats)
		}
	})
}

func TestMG5Cases(t *testing.T) {
	leg := func(distribution, stats string) facetLeg { return facetLeg{[]byte(distribution), []byte(stats), 5} }
	for _, c := range []struct {
		name        string
		set         FacetSettings
		legs        []facetLeg
		want, stats string
		approximate []string
	}{
		{"keys of any leg", FacetSettings{}, []facetLeg{leg(`{"b":{"x":1}}`, `{}`), leg(`{"a":{},"b":{}}`, `{}`)}, `{"a":{},"b":{"x":1}}`, `{}`, nil},
		{"no values", FacetSettings{}, []facetLeg{leg(`{}`, `{}`), leg(`{}`, `{}`)}, `{}`, `{}`, nil},
		{"hidden", FacetSettings{Hide: []string{"b"}}, []facetLeg{leg(`{"b":{"x":1},"c":{"y":2}}`, `{"b":{"min":1,"max":2}}`)}, `{"c":{"y":2}}`, `{}`, nil},
		{"number and string alike", FacetSettings{}, []facetLeg{leg(`{"a":{"1":5,"2":1}}`, `{"a":{"min":1.0,"max":2.0}}`), leg(`{"a":{"1":3,"z":1}}`, `{}`)},
			`{"a":{"1":3,"2":1,"z":1}}`, `{"a":{"min":1.0,"max":2.0}}`, nil},
		{"stats keep their spelling", FacetSettings{}, []facetLeg{leg(`{"a":{}}`, `{"a":{"min":1.50,"max":1e3}}`), leg(`{"a":{}}`, `{"a":{"min":-0.0,"max":12}}`)},
			`{"a":{}}`, `{"a":{"min":-0.0,"max":1e3}}`, nil},
		{"cut under count", FacetSettings{EngineCap: 2, SortBy: map[string]FacetOrder{"a": FacetCount}}, []facetLeg{leg(`{"a":{"x":3,"y":2},"b":{"x":1,"y":1}}`, `{}`), leg(`{"a":{"z":9}}`, `{}`)},
			`{"a":{"z":9,"x":3,"y":2},"b":{"x":1,"y":1}}`, `{}`, []string{"a"}},
		{"text digits without numbers", FacetSettings{}, []facetLeg{leg(`{"a":{"10":1,"9":1}}`, `{}`)}, `{"a":{"10":1,"9":1}}`, `{}`, nil},
		{"names in byte order", FacetSettings{}, []facetLeg{leg(`{"é":{},"z\"":{}}`, `{}`), leg(`{"B":{},"a.b":{}}`, `{}`)}, `{"B":{},"a.b":{},"z\"":{},"é":{}}`, `{}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := mergeFacets(c.set, 10, c.legs)
			if err != nil {
				t.Fatal(err)
			}
			if string(out.distribution) != c.want || string(out.stats) != c.stats || !slices.Equal(out.approximate, c.approximate) {
				t.Fatalf("got %s %s %v", out.distribution, out.stats, out.approximate)
			}
		})
	}
}

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{"Blue ": "blue", "\u00a0Ｂlue": "blue", "ÉTÉ": "e\u0301te\u0301", "ﬁ": "fi", "ΟΔΟΣ": "οδος", "İ": "i\u0307", "½": "1\u20442", "": ""} {
		if got := normalise(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNumberText(t *testing.T) {
	for in, want := range map[string]bool{"0": true, "-1": true, "1.5": true, "10": true, "100000000000000000000000": true, "1.50": false, "01": false, "1.": false, ".5": false, "1e3": false, "": false, "-": false, "1a": false, "+1": false, "-0": true} {
		if numberText(in) != want {
			t.Errorf("%q: want %v", in, want)
		}
	}
}

func TestFacetSearch(t *testing.T) {
	query := "a"
	legs := [][]byte{
		[]byte(`{"facetHits":[{"value":"Abc","count":2},{"value":"Äb","count":1}],"facetQuery":"a","processingTimeMs":1}`),
		[]byte(`{"facetHits":[{"value":"aa","count":2},{"value":"abC","count":3}],"facetQuery":"a","processingTimeMs":4}`),
	}
	for _, c := range []struct {
		name  string
		req   FacetSearchRequest
		want  string
		exact bool
	}{
		{"alpha with a query ignores marks", FacetSearchRequest{FacetQuery: &query}, `{"facetHits":[{"value":"aa","count":2},{"value":"Äb","count":1},{"value":"Abc","count":5}],"facetQuery":"a","processingTimeMs":4}`, true},
		{"alpha without", FacetSearchRequest{}, `{"facetHits":[{"value":"aa","count":2},{"value":"Abc","count":5},{"value":"Äb","count":1}],"facetQuery":null,"processingTimeMs":4}`, true},
		{"count", FacetSearchRequest{FacetQuery: &query, Order: FacetCount, MaxValues: 2, EngineCap: 2}, `{"facetHits":[{"value":"Abc","count":5},{"value":"aa","count":2}],"facetQuery":"a","processingTimeMs":4}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, exact, err := FacetSearch(c.req, legs)
			if err != nil || string(got) != c.want || exact != c.exact {
				t.Fatalf("%v %v\ngot  %s\nwant %s", err, exact, got, c.want)
			}
		})
	}
	if _, _, err := FacetSearch(FacetSearchRequest{}, [][]byte{[]byte(`{"message":"x"}`)}); err == nil {
		t.Fatal("no error")
	}
}

func TestIndexStats(t *testing.T) {
	legs := [][]byte{
		[]byte(`{"numberOfDocuments":4,"rawDocumentDbSize":400,"avgDocumentSize":98,"isIndexing":false,"numberOfEmbeddings":2,"numberOfEmbeddedDocuments":2,"fieldDistribution":{"a":4,"c":2}}`),
		[]byte(`{"numberOfDocuments":2,"rawDocumentDbSize":100,"avgDocumentSize":49,"isIndexing":true,"numberOfEmbeddings":0,"numberOfEmbeddedDocuments":0,"fieldDistribution":{"a":2,"b\"":2}}`),
	}
	three := int64(3)
	for _, c := range []struct {
		documents *int64
		want      string
	}{
		{nil, `{"numberOfDocuments":6,"rawDocumentDbSize":500,"avgDocumentSize":83,"isIndexing":true,"numberOfEmbeddings":2,"numberOfEmbeddedDocuments":2,"fieldDistribution":{"a":6,"b\"":2,"c":2}}`},
		{&three, `{"numberOfDocuments":3,"rawDocumentDbSize":250,"avgDocumentSize":83,"isIndexing":true,"numberOfEmbeddings":1,"numberOfEmbeddedDocuments":1,"fieldDistribution":{"a":3,"b\"":1,"c":1}}`},
	} {
		got, err := IndexStats(legs, c.documents, false)
		if err != nil || string(got) != c.want {
			t.Fatalf("%v\ngot  %s\nwant %s", err, got, c.want)
		}
	}
	if _, err := IndexStats([][]byte{[]byte(`{"message":"x"}`)}, nil, false); err == nil {
		t.Fatal("no error")
	}
	sized := [][]byte{
		[]byte(`{"numberOfDocuments":1,"rawDocumentDbSize":4096,"avgDocumentSize":4096,"isIndexing":false,"internalDatabaseSizes":{"main":4096,"documents":1000},"fieldDistribution":{}}`),
		[]byte(`{"numberOfDocuments":1,"rawDocumentDbSize":2000,"avgDocumentSize":2000,"isIndexing":false,"internalDatabaseSizes":{"main":8192},"fieldDistribution":{}}`),
	}
	for human, want := range map[bool]string{
		false: `{"numberOfDocuments":2,"rawDocumentDbSize":6096,"avgDocumentSize":3048,"isIndexing":false,"internalDatabaseSizes":{"documents":1000,"main":12288},"fieldDistribution":{}}`,
		true:  `{"numberOfDocuments":2,"rawDocumentDbSize":"5.95 KiB","avgDocumentSize":"2.98 KiB","isIndexing":false,"internalDatabaseSizes":{"documents":"1000 B","main":"12 KiB"},"fieldDistribution":{}}`,
	} {
		if got, err := IndexStats(sized, nil, human); err != nil || string(got) != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
		}
	}
}

func TestGlobalStats(t *testing.T) {
	index := `{"numberOfDocuments":1,"rawDocumentDbSize":10,"avgDocumentSize":9,"isIndexing":false,"fieldDistribution":{"a":1}}`
	legs := [][]byte{
		[]byte(`{"databaseSize":10,"usedDatabaseSize":5,"lastUpdate":"2026-11-24T03:08:24.5Z","indexes":{"b--1":` + index + `,"a--2":` + index + `,"x":` + index + `}}`),
		[]byte(`{"databaseSize":20,"usedDatabaseSize":7,"lastUpdate":"2026-11-24T03:08:24.49Z","indexes":{"a--2":` + index + `}}`),
		[]byte(`{"databaseSize":1,"usedDatabaseSize":1,"lastUpdate":null,"indexes":{}}`),
	}
	got, err := GlobalStats(GlobalStatsRequest{Documents: map[string]int64{"a": 1}, Name: func(p string) (string, bool) {
		name, _, ok := strings.Cut(p, "--")
		return name, ok
	}}, legs)
	want := `{"databaseSize":31,"usedDatabaseSize":13,"lastUpdate":"2026-11-24T03:08:24.5Z","indexes":{` +
		`"a":{"numberOfDocuments":1,"rawDocumentDbSize":10,"avgDocumentSize":10,"isIndexing":false,"fieldDistribution":{"a":1}},` +
		`"b":{"numberOfDocuments":1,"rawDocumentDbSize":10,"avgDocumentSize":10,"isIndexing":false,"fieldDistribution":{"a":1}}}}`
	if err != nil || string(got) != want || !json.Valid(got) {
		t.Fatalf("%v\ngot  %s\nwant %s", err, got, want)
	}
}
