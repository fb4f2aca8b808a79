package formation

import (
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

func node(state routing.NodeState, ok bool) routing.Node {
	return routing.Node{NodeRecord: routing.NodeRecord{State: state}, Alive: ok, OK: ok}
}

func TestAdmissible(t *testing.T) {
	v := &routing.View{Nodes: map[string]routing.Node{
		"c": node(routing.NodeJoining, true), "a": node(routing.NodeJoining, true), "b": node(routing.NodeJoining, false),
		"d": node(routing.NodeActive, true), "e": node(routing.NodeRemoved, true),
	}}
	if got := Admissible(v); !slices.Equal(got, []string{"a", "c"}) {
		t.Fatalf("got %v", got)
	}
	v.Indexes = map[string]*routing.Index{"x": {}}
	if got := Admissible(v); got != nil {
		t.Fatalf("a node that joins a cluster with indexes was admitted: %v", got)
	}
}
