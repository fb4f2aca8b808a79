package placement

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

func cluster(rf int, states map[string]routing.NodeState) *routing.View {
	v := &routing.View{Nodes: map[string]routing.Node{}, Groups: []routing.GroupRecord{{ID: 0, State: routing.GroupActive, RF: rf}}}
	for id, s := range states {
		v.Nodes[id] = routing.Node{NodeRecord: routing.NodeRecord{ID: id, State: s}}
	}
	return v
}

func placed(v *routing.View, shards int) *routing.Index {
	target, err := Target(v, shards)
	if err != nil {
		panic(err)
	}
	ix := &routing.Index{IndexRecord: routing.IndexRecord{Shards: shards}, Placement: routing.PlacementRecord{Groups: map[int][][]routing.Copy{}}}
	for g, owners := range target {
		byShard := make([][]routing.Copy, shards)
		for s, nodes := range owners {
			for _, n := range nodes {
				byShard[s] = append(byShard[s], routing.Copy{Node: n, State: routing.CopyActive})
			}
		}
		ix.Placement.Groups[g] = byShard
	}
	return ix
}

const active = routing.NodeActive

func TestTargetUsesActiveNodesOnly(t *testing.T) {
	v := cluster(1, map[string]routing.NodeState{"a": active, "b": routing.NodeDraining, "c": routing.NodeJoining, "d": routing.NodeRemoved})
	got, err := Target(v, 2)
	if want := map[int]shardmap.Owners{0: {{"a"}, {"a"}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	v.Groups[0].RF = 2
	if _, err := Target(v, 2); !errors.Is(err, shardmap.ErrTooFewNodes) {
		t.Fatalf("two copies on one node: %v", err)
	}
}

func TestTargetLeavesOutGroupsThatTakeNoWrites(t *testing.T) {
	v := cluster(1, map[string]routing.NodeState{"a": active})
	v.Groups = append(v.Groups, routing.GroupRecord{ID: 1, State: routing.GroupDraining, RF: 1}, routing.GroupRecord{ID: 2, State: routing.GroupRemoved, RF: 1})
	if got, err := Target(v, 1); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestTargetIsBounded(t *testing.T) {
	v := cluster(5, map[string]routing.NodeState{"a": active, "b": active, "c": active, "d": active, "e": active})
	v.Groups = append(v.Groups, routing.GroupRecord{ID: 1, State: routing.GroupActive, RF: 5})
	for id, n := range cluster(1, map[string]routing.NodeState{"f": active, "g": active, "h": active, "i": active, "j": active}).Nodes {
		n.ReplicaGroup = 1
		v.Nodes[id] = n
	}
	if _, err := Target(v, shardmap.MaxShards); err == nil {
		t.Fatal("40960 copies were placed")
	}
}

func TestDrift(t *testing.T) {
	v := cluster(1, map[string]routing.NodeState{"a": active})
	ix := placed(v, 2)
	if moves := Drift(v, ix); moves != nil {
		t.Fatalf("a fresh placement drifts: %v", moves)
	}
	ix.Placement.Groups[0][1] = []routing.Copy{{Node: "z", State: routing.CopyActive}}
	if got, want := Drift(v, ix), []Move{{Group: 0, Shard: 1, To: "a", From: "z"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("a copy elsewhere: %v, want %v", got, want)
	}
	ix.Placement.Groups[0] = ix.Placement.Groups[0][:1]
	if got, want := Drift(v, ix), []Move{{Group: 0, Shard: 1, To: "a"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("a shard without a row: %v, want %v", got, want)
	}
	v.Groups[0].RF = 2
	if moves := Drift(v, ix); moves != nil {
		t.Errorf("a group that can not be placed drifts: %v", moves)
	}
}

// SH-7: a node that joins a group takes its share and nothing else moves beyond the bound of the load.
func TestSH7DriftAfterAJoinIsTheNewNodesShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, shards := rapid.IntRange(2, 8).Draw(t, "nodes"), rapid.IntRange(8, 128).Draw(t, "shards")
		states := map[string]routing.NodeState{}
		for i := range n {
			states[string(rune('a'+i))] = active
		}
		v := cluster(1, states)
		ix := placed(v, shards)
		joined := string(rune('a' + n))
		v.Nodes[joined] = routing.Node{NodeRecord: routing.NodeRecord{ID: joined, State: active}}
		toNew := 0
		for _, m := range Drift(v, ix) {
			if m.From == joined || m.To == "" || m.From == "" {
				t.Fatalf("strange move %+v", m)
			}
			if m.To == joined {
				toNew++
			}
		}
		if room := (shards + n) / (n + 1); toNew > room {
			t.Fatalf("%d shards move to the new node, it has room for %d", toNew, room)
		}
	})
}
