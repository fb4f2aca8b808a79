package serve

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

// similarParts are two nodes that have shards of both indexes of an alias; the document is in the second of them.
func similarParts() []*readNode {
	const (
		nobody  = `{"message":"Document ` + "`1`" + ` not found.","code":"not_found_similar_id","type":"invalid_request","link":"l"}`
		vectors = `{"results":[{"_vectors":{"e":{"embeddings":[[1.0,0.0]],"regenerate":false}}}],"offset":0,"limit":20,"total":1}`
	)
	script := func(first, second string) []scripted {
		return []scripted{
			{"/a--1/similar", "", 400, nobody},
			{"/a--1/documents/fetch", "", 200, `{"results":[],"offset":0,"limit":20,"total":0}`},
			{"/b--1/similar", "", 200, answerOf(2, near(2, "0.9"), near(7, "0.1"))},
			{"/b--1/documents/fetch", "", 200, vectors},
			{"/a--1/search", `"vector":[1.0,0.0]`, 200, first},
			{"/b--1/search", `"vector":[1.0,0.0]`, 200, second},
		}
	}
	return []*readNode{
		{answers: script(answerOf(2, near(2, "0.9"), near(3, "0.5")), answerOf(1, near(4, "0.7")))},
		{answers: script(answerOf(3, near(5, "0.95")), answerOf(1, near(6, "0.6")))},
	}
}

// F7: the document is looked for in one index after the other, what is similar to it in all; of equally similar documents
// those of the first index come first, and documents of different indexes are different ones.
func TestF7SimilarInSeveralIndexes(t *testing.T) {
	const settings = `{"embedders":{"e":{"source":"userProvided","dimensions":2}}}`
	nodes := similarParts()
	s := readService(t, nodes, [][]int{{0}, {1}}, settings, append(aliases,
		"aliases/part", `{"v":1,"name":"part","kind":"multi","target_uids":["a","gone","b"],"version":1}`)...)
	for name, degraded := range map[string]string{"all": "", "part": "index=gone"} {
		r := ask(t, s, "", "POST", "/indexes/"+name+"/similar", json.RawMessage(`{"id":1,"embedder":"e"}`))
		if got := hitIDs(t, r); !slices.Equal(got, []int{5, 2, 2, 4, 3, 7}) && !slices.Equal(got, []int{5, 2, 2, 6, 3, 7}) {
			t.Errorf("%s: %v", name, got)
		}
		if got := r.Header.Get("X-Miroir-Degraded"); got != degraded {
			t.Errorf("%s: degraded %q, want %q", name, got, degraded)
		}
		if total := decode[struct{ EstimatedTotalHits int }](t, r).EstimatedTotalHits; total != 8 {
			t.Errorf("%s: total %d", name, total)
		}
	}
	r := ask(t, s, "", "GET", "/indexes/all/similar?id=1&embedder=nobody", nil)
	if e := decode[apierr.Error](t, r); r.Status != 400 || e.Code != apierr.InvalidSimilarEmbedder {
		t.Errorf("an embedder that is not there: %d %+v", r.Status, e)
	}
}

// F7: where the document's id is in an index behind its own as well, that one is neither listed nor counted.
func TestF7SimilarLeavesNamesakesOut(t *testing.T) {
	const listing = `{"results":[{"_vectors":{"e":{"embeddings":[[1.0,0.0]],"regenerate":false}}}],"offset":0,"limit":20,"total":1}`
	node := &readNode{answers: []scripted{
		{"/a--1/similar", "", 200, answerOf(1, near(2, "0.9"))},
		{"/a--1/documents/fetch", "", 200, listing},
		{"/b--1/documents/fetch", `"limit":0`, 200, `{"results":[],"offset":0,"limit":0,"total":1}`},
		{"/b--1/search", "", 200, answerOf(3, near(1, "0.99"), near(3, "0.8"), near(2, "0.7"))},
	}}
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{"embedders":{"e":{"source":"userProvided","dimensions":2}}}`, aliases...)
	r := ask(t, s, "", "POST", "/indexes/all/similar", json.RawMessage(`{"id":1,"embedder":"e","filter":"x = 1"}`))
	if got := hitIDs(t, r); !slices.Equal(got, []int{2, 3, 2}) {
		t.Errorf("%v", got)
	}
	if total := decode[struct{ EstimatedTotalHits int }](t, r).EstimatedTotalHits; total != 3 {
		t.Errorf("total %d", total)
	}
	if node.times(`"limit":0,"filter":"x = 1"`) != 1 {
		t.Errorf("%v", node.asked)
	}
}

// F7: vectors of different models are not compared.
func TestF7SimilarAsksForOneModel(t *testing.T) {
	model := func(view string) []string {
		return append(slices.Clone(aliases), "settings/b--1", fmt.Sprintf(`{"v":1,"version":3,"client_view":%s}`, view))
	}
	const own = `{"embedders":{"e":{"source":"ollama","model":"m","apiKey":"one","documentTemplate":"x"}}}`
	for other, want := range map[string]apierr.Code{
		`{"embedders":{"e":{"source":"ollama","model":"m","apiKey":"two","documentTemplate":"y"}}}`: apierr.MiroirShardUnavailable, // no node is there
		`{"embedders":{"e":{"source":"ollama","model":"n","apiKey":"one","documentTemplate":"x"}}}`: apierr.MiroirNotImplemented,
		`{"embedders":{"f":{"source":"ollama","model":"m"}}}`:                                       apierr.InvalidSimilarEmbedder,
	} {
		s := readService(t, nil, [][]int{{}}, own, model(other)...)
		r := ask(t, s, "", "POST", "/indexes/all/similar", json.RawMessage(`{"id":1,"embedder":"e"}`))
		if e := decode[apierr.Error](t, r); e.Code != want {
			t.Errorf("%s: %d %s", other, r.Status, strings.TrimSpace(string(r.Body)))
		}
	}
}
