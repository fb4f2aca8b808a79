package serve

import (
	"fmt"
	"testing"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// RD-7: a request that Envoy sends on names the first two of its owners as a pair that Envoy fails over in. A single owner
// is named alone.
func TestRoutedRequestsNameTwoOwners(t *testing.T) {
	nodes := []*readNode{{}, {}, {}}
	s := readService(t, nodes, [][]int{{0, 2}, {1}}, `{}`)
	for id, want := range map[string]string{
		idOf(0): nodeapi.ClusterOfPair("n0", "n2"), idOf(1): nodeapi.ClusterOf("n1"),
	} {
		r := ask(t, s, "", "GET", "/indexes/a/documents/"+id, nil)
		if r.Route == nil || r.Route.Cluster != want {
			t.Errorf("document %s: %+v, want a route to %s", id, r.Route, want)
		}
	}
	v := s.Views.View()
	all := plan.AnyNode(v, 1)
	if r := ask(t, s, "", "GET", "/version", nil); r.Route == nil || len(all) != 3 || r.Route.Cluster == nodeapi.ClusterOf(all[0].Node) {
		t.Errorf("the version, which three nodes know, is asked of one: %+v", r.Route)
	}
}

// Beyond the number of nodes for which Envoys have pairs, the first owner is named.
func TestNoPairsAmongManyNodes(t *testing.T) {
	v := &routing.View{Nodes: map[string]routing.Node{}}
	owners := []plan.Leg{{Node: "n0"}, {Node: "n1"}}
	for n := 0; v.Pairs(); n++ {
		if got := clusterOf(v, owners); got != nodeapi.ClusterOfPair("n0", "n1") {
			t.Fatalf("%d nodes: %s", n, got)
		}
		id := fmt.Sprint("n", n)
		v.Nodes[id] = routing.Node{NodeRecord: routing.NodeRecord{ID: id, State: routing.NodeActive}}
	}
	if got := clusterOf(v, owners); got != nodeapi.ClusterOf("n0") {
		t.Errorf("%d nodes: %s", len(v.Nodes), got)
	}
}

// idOf is a document's id in one of two shards.
func idOf(shard int) string {
	for i := 0; ; i++ {
		if id := fmt.Sprint(i); shardmap.ShardOf([]byte(id), 2) == shard {
			return id
		}
	}
}
