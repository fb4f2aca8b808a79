package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/auth"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
)

// readNode answers legs from a script: the first answer whose key is in the request's path and body.
type readNode struct {
	mu      sync.Mutex
	answers []scripted
	asked   []string // path, shards and body of every leg
	shows   string   // tag of its settings; empty: it does not say
}

type scripted struct {
	path, body string // what the request must have
	status     int
	answer     string
}

func (n *readNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	n.asked = append(n.asked, r.URL.Path+" "+r.Header.Get(nodeapi.HeaderShards)+" "+string(raw))
	for _, a := range n.answers {
		if strings.HasSuffix(r.URL.Path, a.path) && strings.Contains(string(raw), a.body) {
			if n.shows != "" {
				w.Header().Set(nodeapi.HeaderSettings, n.shows)
			}
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.answer)
			return
		}
	}
	w.WriteHeader(http.StatusInternalServerError)
}

func (n *readNode) times(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(n.asked), func(s string) bool { return !strings.Contains(s, what) }))
}

// readService is a gateway over nodes; the indexes a and b have a shard per list of nodes that hold it. records are further
// keys, each followed by its value.
func readService(t *testing.T, nodes []*readNode, holders [][]int, settings string, records ...string) *Service {
	t.Helper()
	var addresses []string
	for _, n := range nodes {
		srv := httptest.NewServer(n)
		t.Cleanup(srv.Close)
		addresses = append(addresses, srv.URL)
	}
	return serviceOf(t, addresses, holders, settings, records...)
}

// serviceOf is readService over nodes that listen already.
func serviceOf(t *testing.T, addresses []string, holders [][]int, settings string, records ...string) *Service {
	t.Helper()
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":1}`)
	for i, address := range addresses {
		put(fmt.Sprintf("nodes/n%d", i), fmt.Sprintf(`{"v":1,"id":"n%d","address":%q,"replica_group":0,"state":"active"}`, i, address))
		put(fmt.Sprintf("health/n%d", i), `{"v":1,"ok":true}`)
	}
	var shards []string
	for _, list := range holders {
		var copies []string
		for _, n := range list {
			copies = append(copies, fmt.Sprintf(`{"node":"n%d","state":"active"}`, n))
		}
		shards = append(shards, "["+strings.Join(copies, ",")+"]")
	}
	for _, uid := range []string{"a", "b"} {
		put("indexes/"+uid, fmt.Sprintf(`{"v":1,"uid":%q,"physical":"%s--1","primary_key":"id","shards":%d}`, uid, uid, len(holders)))
		put("placement/"+uid+"--1", fmt.Sprintf(`{"v":1,"physical":"%s--1","shards":%d,"groups":{"0":[%s]}}`, uid, len(holders), strings.Join(shards, ",")))
		put("settings/"+uid+"--1", fmt.Sprintf(`{"v":1,"version":3,"client_view":%s}`, settings))
	}
	for i := 0; i < len(records); i += 2 {
		put(records[i], records[i+1])
	}
	reg := prometheus.NewRegistry()
	legs := client.New(client.Options{NodeKey: "node"})
	t.Cleanup(legs.Close)
	return &Service{
		Views: fixedView{b.View()}, Tasks: &noTasks{}, Nodes: legs, Table: operation.NewTable(), Scatter: scatter.NewMetrics(reg),
		Auth:    auth.NewChecker(auth.Options{Metrics: auth.NewMetrics(reg)}),
		Metrics: NewMetrics(reg), Admit: admission.New(admission.DefaultConfig(), reg), NodeKey: "node", Limits: DefaultLimits(t.TempDir()), Log: zerolog.Nop(),
	}
}

func answerOf(total int, hits ...string) string {
	return fmt.Sprintf(`{"hits":[%s],"query":"","processingTimeMs":1,"limit":20,"offset":0,"estimatedTotalHits":%d,"requestUid":"u"}`, strings.Join(hits, ","), total)
}

func words(id int, matching int) string {
	return fmt.Sprintf(`{"id":%d,"_rankingScore":0.%d,"_rankingScoreDetails":{"words":{"order":0,"matchingWords":%d,"maxMatchingWords":9,"score":0.5}}}`, id, matching, matching)
}

func near(id int, similarity string) string {
	return fmt.Sprintf(`{"id":%d,"_rankingScore":%s,"_rankingScoreDetails":{"vectorSort":{"order":0,"similarity":%s}}}`, id, similarity, similarity)
}

func hitIDs(t *testing.T, r *reply.Reply) []int {
	t.Helper()
	if r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	var ids []int
	for _, h := range decode[struct{ Hits []struct{ ID int } }](t, r).Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

const stale = `{"message":"m","code":"stale_placement","type":"internal","link":"l"}`

// RD-3, RD-7, RD-8: a leg whose node fails, or holds something else than planned, is asked of other owners; what nobody
// answers for is named.
func TestFailedLegsAreAskedElsewhere(t *testing.T) {
	for _, c := range []struct {
		name     string
		status   int
		holders  [][]int // the fewest nodes that hold everything are 0 and 1
		want     []int
		degraded string
	}{
		{"another owner", 500, [][]int{{0}, {1, 2}, {1}}, []int{1, 2}, "shards=2"},
		{"other shards than planned", 409, [][]int{{0}, {1, 2}, {1}}, []int{1, 2}, "shards=2"},
		{"no other owner", 503, [][]int{{0}, {1}}, []int{1}, "shards=1"},
		{"other shards and no other owner", 409, [][]int{{0}, {1}}, []int{1}, "shards=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := []*readNode{
				{answers: []scripted{{"/search", "", 200, answerOf(1, words(1, 5))}}},
				{answers: []scripted{{"/search", "", c.status, stale}}},
				{answers: []scripted{{"/search", "", 200, answerOf(1, words(2, 4))}}},
			}
			s := readService(t, nodes, c.holders, `{}`)
			r := ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(`{"q":"x"}`))
			if got := hitIDs(t, r); !slices.Equal(got, c.want) || r.Header.Get(reply.HeaderDegraded) != c.degraded {
				t.Errorf("%v %q, want %v %q", got, r.Header.Get(reply.HeaderDegraded), c.want, c.degraded)
			}
		})
	}
}

// A11.2, A11.3: a wrong query ends the batch and is named; a query that the nodes cannot answer stands in its place with
// its error; a batch without any answer has none.
func TestMultiSearchEntries(t *testing.T) {
	node := &readNode{answers: []scripted{
		{"/indexes/a--1/search", `"q":"wrong"`, 400, `{"message":"Index ` + "`a--1`" + `: no","code":"invalid_search_filter","type":"invalid_request","link":"l"}`},
		{"/indexes/a--1/search", "", 200, answerOf(1, words(1, 5))},
	}}
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{}`)
	r := ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"queries":[{"indexUid":"a"},{"indexUid":"b"},{"indexUid":"a","q":"x"}]}`))
	got := decode[struct {
		Results []struct {
			IndexUID string
			Hits     []json.RawMessage
			Error    *struct{ Code string }
			Status   int
		}
	}](t, r)
	if r.Status != 200 || len(got.Results) != 3 || got.Results[1].Error == nil || got.Results[1].Error.Code != "miroir_shard_unavailable" ||
		got.Results[1].Status != 503 || got.Results[1].Hits == nil || len(got.Results[2].Hits) != 1 || r.Header.Get(reply.HeaderDegraded) != "queries=1" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
	r = ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"queries":[{"indexUid":"a"},{"indexUid":"a","q":"wrong"},{"indexUid":"none"}]}`))
	if e := decode[struct{ Message string }](t, r); r.Status != 400 || e.Message != "Inside `.queries[1]`: Index `a`: no" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r = ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"queries":[{"indexUid":"b"}]}`)); r.Status != 503 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r = ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"queries":[`+strings.TrimSuffix(strings.Repeat(`{"indexUid":"a"},`, 101), ",")+`]}`)); r.Status != 400 ||
		!strings.Contains(string(r.Body), "miroir_too_many_queries") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// F12: words first; vectors only where the words of all legs together are not good enough, with one vector for all legs;
// words alone where no vector can be made.
func TestHybridAsksInHalves(t *testing.T) {
	const settings = `{"embedders":{"e":{"source":"rest"}}}`
	script := func(first, second int, embedding scripted, vectors string) []scripted {
		return []scripted{
			embedding,
			{"/search", `"semanticRatio":0.0`, 200, answerOf(2, words(first, 9), words(second, 8))},
			{"/search", `"semanticRatio":1.0`, 200, vectors},
		}
	}
	embed := scripted{"/search", `"limit":0`, 200, `{"hits":[],"query":"","queryVector":[0.5,1.0],"processingTimeMs":1,"limit":0,"offset":0,"estimatedTotalHits":1}`}
	refuse := scripted{"/search", `"limit":0`, 400, `{"message":"m","code":"vector_embedding_error","type":"invalid_request","link":"l"}`}
	for _, c := range []struct {
		name, body                 string
		embedding                  scripted
		want                       []int
		embedded, searched, vector int // legs of each kind
	}{
		{"good enough", `{"q":"x","limit":2,"hybrid":{"embedder":"e"}}`, embed, []int{1, 3}, 0, 2, 0},
		{"not enough", `{"q":"x","limit":5,"hybrid":{"embedder":"e","semanticRatio":0.9}}`, embed, []int{5, 6, 1, 3, 2}, 1, 2, 2},
		{"own vector", `{"q":"x","limit":5,"hybrid":{"embedder":"e","semanticRatio":0.9},"vector":[0.5,1.0]}`, embed, []int{5, 6, 1, 3, 2}, 1, 2, 2},
		{"no vector to be had", `{"q":"x","limit":5,"hybrid":{"embedder":"e","semanticRatio":0.9}}`, refuse, []int{1, 3, 2, 4}, 1, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := []*readNode{
				{answers: script(1, 2, c.embedding, answerOf(3, near(5, "0.99"), near(1, "0.1")))},
				{answers: script(3, 4, c.embedding, answerOf(3, near(6, "0.98"), near(4, "0.0")))},
			}
			s := readService(t, nodes, [][]int{{0}, {1}}, settings)
			r := ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(c.body))
			if got := hitIDs(t, r); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			count := func(what string) int { return nodes[0].times(what) + nodes[1].times(what) }
			if a, b, v := count(`"limit":0`), count(`"semanticRatio":0.0`), count(`"semanticRatio":1.0`)-count(`"limit":0`); a != c.embedded || b != c.searched || v != c.vector {
				t.Errorf("%d embeddings, %d legs by words, %d by vectors; want %d, %d, %d", a, b, v, c.embedded, c.searched, c.vector)
			}
			if v := count(`"semanticRatio":1.0},"vector":[0.5,1.0]`) + count(`"vector":[0.5,1.0]`); c.vector > 0 && v < c.vector {
				t.Errorf("legs without the vector: %v %v", nodes[0].asked, nodes[1].asked)
			}
		})
	}
}

// §2: the document's own leg is asked for similar documents, the others for what is near to each of its vectors; a
// document that its own leg does not have is not found.
func TestSimilarAsksTheOwner(t *testing.T) {
	const settings = `{"distinctAttribute":"g","embedders":{"e":{"source":"userProvided","dimensions":2}}}`
	const listing = `{"results":[{"_vectors":{"e":{"embeddings":[[1.0,0.0],[0.0,1.0]],"regenerate":false}}}],"offset":0,"limit":20,"total":1}`
	own := []scripted{
		{"/similar", "", 200, answerOf(3, near(2, "0.9"))}, {"/documents/fetch", "", 200, listing},
		{"/search", `"vector":[1.0,0.0]`, 200, answerOf(4, near(3, "0.95"), near(4, "0.2"))},
		{"/search", `"vector":[0.0,1.0]`, 200, answerOf(4, near(4, "0.8"), near(5, "null"))},
	}
	nodes := []*readNode{{answers: own}, {answers: own}}
	s := readService(t, nodes, [][]int{{0}, {1}}, settings)
	r := ask(t, s, "", "POST", "/indexes/a/similar", json.RawMessage(`{"id":1,"embedder":"e"}`))
	if got := hitIDs(t, r); !slices.Equal(got, []int{3, 2, 4}) {
		t.Errorf("%v", got)
	}
	if total := decode[struct{ EstimatedTotalHits int }](t, r).EstimatedTotalHits; total != 7 {
		t.Errorf("total %d", total)
	}
	both := func(what string) int { return nodes[0].times(what) + nodes[1].times(what) }
	if both("/similar") != 1 || both("/documents/fetch") != 1 || both("/search") != 2 || both(nodeapi.NoDistinct) != 2 {
		t.Errorf("%v\n%v", nodes[0].asked, nodes[1].asked)
	}
	own[1].answer = `{"results":[],"offset":0,"limit":20,"total":0}`
	if r := ask(t, s, "", "POST", "/indexes/a/similar", json.RawMessage(`{"id":1,"embedder":"e"}`)); r.Status != 400 || !strings.Contains(string(r.Body), "not_found_similar_id") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
