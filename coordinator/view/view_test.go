package view

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/task"
)

func node(id string, group int, state routing.NodeState, alive, ok bool) routing.Node {
	return routing.Node{NodeRecord: routing.NodeRecord{ID: id, ReplicaGroup: group, State: state}, Alive: alive, OK: ok}
}

// twoGroups has one index of two shards: a and b share group 0, c holds all of group 1.
func twoGroups(up ...string) Snapshot {
	v := &routing.View{Cluster: routing.ClusterRecord{V: 1, Shards: 2}, Nodes: map[string]routing.Node{}, Indexes: map[string]*routing.Index{}}
	for id, group := range map[string]int{"a": 0, "b": 0, "c": 1} {
		alive := slices.Contains(up, id)
		v.Nodes[id] = node(id, group, routing.NodeActive, alive, alive)
	}
	for g := range 2 {
		v.Groups = append(v.Groups, routing.GroupRecord{V: 1, ID: g, State: routing.GroupActive, RF: 1})
	}
	on := func(id string) []routing.Copy { return []routing.Copy{{Node: id, State: routing.CopyActive}} }
	v.Indexes["x"] = &routing.Index{
		IndexRecord: routing.IndexRecord{UID: "x", Physical: "x--0", Shards: 2},
		Placement:   routing.PlacementRecord{Shards: 2, Groups: map[int][][]routing.Copy{0: {on("a"), on("b")}, 1: {on("c"), on("c")}}},
	}
	v.UIDs = []string{"x"}
	return Snapshot{Routing: v}
}

func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		node routing.Node
		want Status
	}{
		{node("a", 0, routing.NodeActive, true, true), "active"},
		{node("a", 0, routing.NodeJoining, true, true), "joining"},
		{node("a", 0, routing.NodeDraining, true, true), "draining"},
		{node("a", 0, routing.NodeActive, true, false), StatusFailed},
		{routing.Node{NodeRecord: routing.NodeRecord{State: routing.NodeActive}, Alive: true, OK: true, Suspect: true}, StatusSuspect},
		{node("a", 0, routing.NodeJoining, false, false), StatusFailed},
		{node("a", 0, routing.NodeRemoved, true, false), "removed"},
	} {
		if got := StatusOf(c.node); got != c.want {
			t.Errorf("%+v: %s, want %s", c.node, got, c.want)
		}
	}
}

func TestGapsAndCoverage(t *testing.T) {
	for _, c := range []struct {
		up      []string
		gaps    []Gap
		covered bool
	}{
		{[]string{"a", "b", "c"}, nil, true},
		{[]string{"a", "c"}, []Gap{{"x", 0, []int{1}}}, true},
		{[]string{"a", "b"}, []Gap{{"x", 1, []int{0, 1}}}, true},
		{[]string{"a"}, []Gap{{"x", 0, []int{1}}, {"x", 1, []int{0, 1}}}, false},
	} {
		s := twoGroups(c.up...)
		if got := s.Gaps(); !reflect.DeepEqual(got, c.gaps) {
			t.Errorf("%v up: gaps %v, want %v", c.up, got, c.gaps)
		}
		if s.FullyCovered() != c.covered {
			t.Errorf("%v up: covered is not %v", c.up, c.covered)
		}
	}
	if (Snapshot{Routing: &routing.View{}}).FullyCovered() {
		t.Error("a cluster without groups is covered")
	}
}

func TestCopiesAndPartsInFlight(t *testing.T) {
	s := twoGroups("a", "b", "c")
	if got := s.Copies(); !reflect.DeepEqual(got, map[string]int{"a": 1, "b": 1, "c": 2}) {
		t.Errorf("copies %v", got)
	}
	s.Open = []task.Record{
		{UID: 1, Targets: []task.Target{{Node: "a"}, {Node: "b", Missed: true}}}, {UID: 2, Targets: []task.Target{{Node: "a"}}},
	}
	if got := s.InFlight(); !reflect.DeepEqual(got, map[string]int{"a": 2}) {
		t.Errorf("parts %v", got)
	}
}

func TestUncoveredIgnoresWhatIsNoShard(t *testing.T) {
	got := Uncovered(3, []shardmap.Holder{{Node: "a", Shards: []int{-1, 0, 7}}, {Node: "b", Shards: []int{0}}})
	if !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v", got)
	}
}

func TestSightings(t *testing.T) {
	now := time.Unix(1000, 0)
	s := NewSightings(func() time.Time { return now })
	see := func(up ...string) { s.Observe(twoGroups(up...).Routing) }
	see("a")
	now = now.Add(time.Minute)
	if ago, ok := s.Since("a"); !ok || ago != 0 {
		t.Errorf("a node that is up was last seen %v ago", ago)
	}
	see()
	now = now.Add(3 * time.Second)
	see()
	if ago, ok := s.Since("a"); !ok || ago != 3*time.Second {
		t.Errorf("last seen %v ago, want 3s after it was noticed missing", ago)
	}
	if _, ok := s.Since("b"); ok {
		t.Error("a node that was never up was seen")
	}
}
