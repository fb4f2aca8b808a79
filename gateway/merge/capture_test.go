package merge

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The files under testdata hold answers of real 1.50 engines: one with all 1,200 movies, three with a third each.
type captured struct {
	Name, Kind string
	Request    json.RawMessage
	Ranked     string // the single engine's answer with score details
	Whole      string // the single engine's answer
	Legs       []string
	Count      bool // facets by count, but mpaa_rating alphabetically
}

func captures(t testing.TB, file string) []captured {
	t.Helper()
	return readLines[captured](t, file)
}

func readLines[T any](t testing.TB, file string) []T {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for line := range bytes.Lines(raw) {
		var c T
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func (c captured) legs() [][]byte {
	var out [][]byte
	for _, l := range c.Legs {
		out = append(out, []byte(l))
	}
	return out
}

func (c captured) searchRequest(t *testing.T) SearchRequest {
	t.Helper()
	in := struct {
		Q                       string
		Offset, Limit           int
		Page, HitsPerPage       *int
		ShowRankingScoreDetails bool
		Distinct                string
	}{Limit: 20}
	if err := json.Unmarshal(c.Request, &in); err != nil {
		t.Fatal(err)
	}
	req := SearchRequest{Query: in.Q, Page: Page{Offset: in.Offset, Limit: in.Limit}, MaxTotalHits: 1000, Distinct: in.Distinct,
		ShowRankingScoreDetails: in.ShowRankingScoreDetails, RequestUID: "uid"}
	if in.Page != nil || in.HitsPerPage != nil {
		req.Page = Page{Exhaustive: true, Page: 1, HitsPerPage: 20}
		if in.Page != nil {
			req.Page.Page = *in.Page
		}
		if in.HitsPerPage != nil {
			req.Page.HitsPerPage = *in.HitsPerPage
		}
	}
	if c.Count {
		req.Facets.SortBy = map[string]FacetOrder{"*": FacetCount, "mpaa_rating": FacetAlpha}
	}
	return req
}

// topKeys lists the members of an object in order.
func topKeys(t *testing.T, body string) []string {
	t.Helper()
	var out []string
	m := objectAt([]byte(body), 0)
	for m.next() {
		out = append(out, string(m.key))
	}
	if m.bad {
		t.Fatalf("not an object: %s", body)
	}
	return out
}

// MG-1 to MG-6 against one engine: same members in the same order, same totals and facets byte for byte, and hits that
// differ only where the engine's rules leave them equal.
func TestMergedSearchEqualsOneEngine(t *testing.T) {
	for _, c := range captures(t, "movies.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			res, err := Search(c.searchRequest(t), c.legs())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := topKeys(t, string(res.Body)), topKeys(t, c.Whole); !slices.Equal(got, want) {
				t.Errorf("members %v, want %v", got, want)
			}
			got, want, ranked := decode(t, res.Body), decode(t, []byte(c.Whole)), decode(t, []byte(c.Ranked))
			sameFacets(t, c, string(got.FacetDistribution), string(want.FacetDistribution))
			if string(got.FacetStats) != string(want.FacetStats) {
				t.Errorf("stats %s, want %s", got.FacetStats, want.FacetStats)
			}
			sameHits(t, got.Hits, want.Hits, ranked.Hits)
			got.Hits, got.FacetDistribution, got.FacetStats, got.ProcessingTimeMs = want.Hits, want.FacetDistribution, want.FacetStats, want.ProcessingTimeMs
			if strings.HasPrefix(c.Name, "distinct") {
				got.EstimatedTotalHits = want.EstimatedTotalHits // an upper bound
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %s\nwant %s", res.Body, c.Whole)
			}
		})
	}
}

// sameHits compares hits rank by rank. Within a run of equal details any order is right, but only the hits of the run;
// a run that touches the end of the page may hold others of the same rank.
func sameHits(t *testing.T, got, want, ranked []json.RawMessage) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d hits, want %d", len(got), len(want))
	}
	details := func(i int) any {
		var h struct {
			D any `json:"_rankingScoreDetails"`
		}
		if err := json.Unmarshal(ranked[i], &h); err != nil {
			t.Fatal(err)
		}
		return h.D
	}
	for from := 0; from < len(want); {
		to := from + 1
		for to < len(want) && reflect.DeepEqual(details(from), details(to)) {
			to++
		}
		for i := from; i < to; i++ {
			same := func(r json.RawMessage) bool { return sameJSON(t, r, got[i]) }
			if !slices.ContainsFunc(want[from:to], same) && from > 0 && to < len(want) {
				t.Errorf("rank %d: %s, want one of %s", i, got[i], want[from:to])
			}
		}
		from = to
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		t.Fatal("not JSON")
	}
	return reflect.DeepEqual(x, y)
}

// sameFacets wants the same values, counts and order; where the engine orders by count, equal counts may come in any
// order, because its facet tree decides.
func sameFacets(t *testing.T, c captured, got, want string) {
	t.Helper()
	if !c.Count {
		if got != want {
			t.Errorf("facets\n got %s\nwant %s", got, want)
		}
		return
	}
	parse := func(s string) (out [][]int64) {
		m := objectAt([]byte(s), 0)
		for m.next() {
			var counts []int64
			inner := objectAt(m.raw(), 0)
			for inner.next() {
				n, _ := parseInt(inner.raw())
				counts = append(counts, n)
			}
			out = append(out, counts)
		}
		return out
	}
	if !reflect.DeepEqual(parse(got), parse(want)) {
		t.Errorf("facets\n got %s\nwant %s", got, want)
	}
	if got != want {
		t.Logf("ties of equal counts ordered otherwise\n got %s\nwant %s", got, want)
	}
}

func TestMergedOthersEqualOneEngine(t *testing.T) {
	for _, c := range captures(t, "others.jsonl") {
		t.Run(c.Kind+" "+string(c.Request), func(t *testing.T) {
			var body []byte
			var err error
			switch c.Kind {
			case "facet-search":
				var in struct{ FacetQuery *string }
				if err := json.Unmarshal(c.Request, &in); err != nil {
					t.Fatal(err)
				}
				body, _, err = FacetSearch(FacetSearchRequest{FacetQuery: in.FacetQuery}, c.legs())
			case "stats":
				body, err = IndexStats(c.legs(), nil, false)
			case "documents":
				var in struct {
					Offset, Limit int
					Sort          []string
				}
				if err := json.Unmarshal(c.Request, &in); err != nil {
					t.Fatal(err)
				}
				var res Result
				res, err = Documents(DocumentsRequest{Offset: in.Offset, Limit: in.Limit, Sorted: len(in.Sort) > 0}, c.legs())
				body = res.Body
			}
			if err != nil {
				t.Fatal(err)
			}
			sameOther(t, c, string(body))
		})
	}
}

func sameOther(t *testing.T, c captured, body string) {
	t.Helper()
	if got, want := topKeys(t, body), topKeys(t, c.Whole); !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	var got, want map[string]any
	if json.Unmarshal([]byte(body), &got) != nil || json.Unmarshal([]byte(c.Whole), &want) != nil {
		t.Fatal("not JSON")
	}
	for _, size := range []string{"rawDocumentDbSize", "avgDocumentSize", "processingTimeMs"} {
		delete(got, size)
		delete(want, size)
	}
	for _, m := range []map[string]any{got, want} {
		for _, d := range asList(m["results"]) {
			if doc, ok := d.(map[string]any); ok {
				delete(doc, "id") // documents of equal sort values come in any order
			}
		}
	}
	if c.Kind == "documents" && !strings.Contains(string(c.Request), "sort") {
		if len(got["results"].([]any)) != len(want["results"].([]any)) {
			t.Error("another number of documents")
		}
		delete(got, "results")
		delete(want, "results")
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", body, c.Whole)
	}
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}
