package target

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// node remembers what it was asked.
type node struct {
	*httptest.Server
	mu     sync.Mutex
	legs   []nodeapi.Leg
	bodies []map[string]any
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body map[string]any
		leg, err := nodeapi.ReadLeg(r.Header)
		if err != nil || json.Unmarshal(raw, &body) != nil || r.URL.Path != "/indexes/cities--1/search" {
			w.WriteHeader(http.StatusBadRequest)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.legs, n.bodies = append(n.legs, leg), append(n.bodies, body)
		_, _ = w.Write([]byte(`{"hits":[]}`))
	}))
	t.Cleanup(n.Close)
	return n
}

const shards = 12

// clusterOf is a cluster of three nodes with one group.
func clusterOf(t *testing.T, replicas int) (Cluster, map[string]*node, shardmap.Owners) {
	t.Helper()
	ids := []string{"node-0", "node-1", "node-2"}
	owners, err := shardmap.Place(shards, replicas, ids)
	if err != nil {
		t.Fatal(err)
	}
	ix := &routing.Index{IndexRecord: routing.IndexRecord{UID: "cities", Physical: "cities--1", Shards: shards}}
	copies := make([][]routing.Copy, shards)
	for s, list := range owners {
		for _, n := range list {
			copies[s] = append(copies[s], routing.Copy{Node: n, State: routing.CopyActive})
		}
	}
	ix.Placement.Groups = map[int][][]routing.Copy{0: copies}
	v := &routing.View{
		Epoch: 7, Groups: []routing.GroupRecord{{ID: 0, State: routing.GroupActive}}, Nodes: map[string]routing.Node{},
		Indexes: map[string]*routing.Index{"cities": ix},
	}
	nodes, urls := map[string]*node{}, map[string]string{}
	for _, id := range ids {
		nodes[id] = newNode(t)
		urls[id] = nodes[id].URL
		v.Nodes[id] = routing.Node{NodeRecord: routing.NodeRecord{ID: id, Address: nodes[id].URL}, OK: true}
	}
	return Cluster{View: v, Index: "cities", NodeKey: "n", EngineKey: "e", Engines: urls}, nodes, owners
}

var searches = []query.Query{{Kind: "a", Body: []byte(`{"q":"a","filter":"x = 1"}`), Filter: "x = 1"}, {Kind: "b", Body: []byte(`{"q":"b"}`)}}

func TestLegsOfSidecarsCoverEveryShardOnce(t *testing.T) {
	for replicas, perSearch := range map[int]int{1: 3, 2: 2} {
		c, nodes, owners := clusterOf(t, replicas)
		made, err := Sidecars("legs", c, searches)
		if err != nil || made.Legs() != perSearch*len(searches) {
			t.Fatalf("%d copies: %d legs, %v", replicas, made.Legs(), err)
		}
		open, err := made.Open(1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = Close(open) }()
		bodies, err := open[0].Answers(0)
		if err != nil || len(bodies) != perSearch || string(bodies[0]) != `{"hits":[]}` {
			t.Fatalf("%d copies: %s, %v", replicas, bodies, err)
		}
		var seen []int
		for id, n := range nodes {
			for i, l := range n.legs {
				for _, s := range l.Shards {
					if !slices.Contains(owners[s], id) {
						t.Errorf("%s is asked for shard %d", id, s)
					}
				}
				seen = append(seen, l.Shards...)
				if l.Epoch != 7 || l.Count != shards || n.bodies[i]["showRankingScoreDetails"] != true || n.bodies[i]["filter"] != "x = 1" {
					t.Errorf("leg %+v with body %v", l, n.bodies[i])
				}
			}
		}
		if slices.Sort(seen); len(seen) != shards || len(slices.Compact(seen)) != shards {
			t.Errorf("%d copies: shards %v", replicas, seen)
		}
	}
}

func TestLegsOfEnginesAreRestrictedWhereTheNodeHoldsMore(t *testing.T) {
	for replicas, restricted := range map[int]int{1: 0, 2: 2} {
		c, nodes, _ := clusterOf(t, replicas)
		made, err := Engines("legs", c, searches)
		if err != nil {
			t.Fatal(err)
		}
		open, err := made.Open(1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = Close(open) }()
		for i := range searches {
			if err := open[0].Ask(i); err != nil {
				t.Fatal(err)
			}
		}
		clauses := 0
		for _, n := range nodes {
			for _, body := range n.bodies {
				filter, _ := body["filter"].(string)
				clause := strings.Contains(filter, nodeapi.FieldShard)
				if clause {
					clauses++
				}
				if body["q"] == "a" && filter != "x = 1" && (!clause || !strings.HasSuffix(filter, ") AND (x = 1)")) {
					t.Errorf("the search's own filter is lost: %q", filter)
				}
			}
		}
		if clauses != restricted {
			t.Errorf("%d copies: %d legs of two searches are restricted, want %d", replicas, clauses, restricted)
		}
	}
}

func TestAnIndexThatIsNotThereHasNoLegs(t *testing.T) {
	c, _, _ := clusterOf(t, 1)
	c.Index = "other"
	if _, err := Sidecars("legs", c, searches); err == nil {
		t.Error("no error")
	}
}

func TestALegOfAPageHoldsEverythingUpToItsEnd(t *testing.T) {
	for body, want := range map[string]string{
		`{"q":"a","hitsPerPage":20,"page":3}`: `{"q":"a","page":1,"hitsPerPage":60,"showRankingScoreDetails":true}`,
		`{"offset":5,"q":"a","limit":1000}`:   `{"q":"a","limit":1000,"showRankingScoreDetails":true}`,
	} {
		parsed, e := meili.ParseSearchBody([]byte(body))
		if e != nil {
			t.Fatal(e)
		}
		if got := string(legBody(parsed)); got != want {
			t.Errorf("%s becomes %s", body, got)
		}
	}
}
