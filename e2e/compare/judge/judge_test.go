package judge

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

func TestTypos(t *testing.T) {
	for _, test := range []struct {
		typed, known string
		prefix       bool
		want         int
	}{
		{"lisbon", "lisbon", false, 0}, {"lisbn", "lisbon", false, 1}, {"lsibon", "lisbon", false, 1},
		{"bisbon", "lisbon", false, 2}, {"lixbo", "lisbon", true, 1}, {"lis", "lisbon", true, 0}, {"lis", "lisbon", false, 3},
	} {
		if got := typos([]rune(test.typed), []rune(test.known), test.prefix); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// answering is a server that gives one answer to a page and another to the whole list.
func answering(t *testing.T, page, whole string) Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if body["limit"] == float64(reach) {
			page = whole
		}
		if _, err := w.Write([]byte(page)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return Server{URL: s.URL, Client: s.Client()}
}

func hitsOf(hits string) string { return `{"hits":[` + hits + `],"estimatedTotalHits":2}` }

func TestOnlyEqualDetailsMakeATie(t *testing.T) {
	const (
		a, b   = `{"id":"a"}`, `{"id":"b"}`
		rankA  = `{"id":"a","_rankingScoreDetails":{"words":{"order":0,"matchingWords":1}}}`
		rankB  = `{"id":"b","_rankingScoreDetails":{"words":{"order":0,"matchingWords":1}}}`
		worseB = `{"id":"b","_rankingScoreDetails":{"words":{"order":0,"matchingWords":0}}}`
		otherB = `{"id":"b","x":1,"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1}}}`
	)
	for _, test := range []struct {
		name                           string
		single, wholeS, cluster, whole string
		want                           Class
	}{
		{"the same", a + "," + b, "", a + "," + b, "", Equal},
		{"a tie", a + "," + b, rankA + "," + rankB, b + "," + a, rankB + "," + rankA, Tie},
		{"another order", a + "," + b, rankA + "," + worseB, b + "," + a, worseB + "," + rankA, Different},
		{"another document", a + "," + b, rankA + "," + rankB, b + "," + a, otherB + "," + rankA, Different},
		{"a page that is no part of the whole", a + "," + b, rankA + "," + rankB, b + "," + a, rankA + "," + rankB, Different},
		{"a document missing", a + "," + b, rankA + "," + rankB, a, rankA, Different},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := Judge{
				Single:  answering(t, hitsOf(test.single), hitsOf(test.wholeS)),
				Cluster: answering(t, hitsOf(test.cluster), hitsOf(test.whole)),
				Corpora: []*corpus.Corpus{{UID: "m", PrimaryKey: "id"}},
			}
			q := query.Query{Kind: query.Search, Index: "m", Method: "POST", Path: "/indexes/m/search", Body: map[string]any{}}
			v, _, err := j.Compare(context.Background(), q)
			if err != nil || v.Class != test.want {
				t.Fatalf("%+v %v, want %s", v, err, test.want)
			}
		})
	}
}

func TestFacetsDifferOnlyAtTheCut(t *testing.T) {
	decode := func(s string) any {
		v, err := jsondiff.Decode([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		want, got string
		ok        bool
	}{
		{`{"a":3,"b":1}`, `{"a":3,"c":1}`, true},
		{`{"a":3,"b":1}`, `{"a":2,"c":1}`, false},
		{`{"a":3,"b":1}`, `{"c":3,"b":1}`, false},
		{`{"a":3,"b":1}`, `{"a":3}`, false},
	} {
		if got := sameButAtTheCut(decode(test.want), decode(test.got)); got != test.ok {
			t.Errorf("%s %s: %v", test.want, test.got, got)
		}
	}
}
