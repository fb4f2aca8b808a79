package detect

import (
	"reflect"
	"slices"
	"testing"

	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/routing"
)

// build makes a snapshot from records, through the same builder as the watches.
func build(t *testing.T, records map[string]string) view.Snapshot {
	t.Helper()
	b := routing.NewBuilder()
	for key, value := range records {
		if err := b.Put(key, []byte(value), 7); err != nil {
			t.Fatal(err)
		}
	}
	return view.Snapshot{Routing: b.View()}
}

const (
	cluster = `{"v":1,"shards":2}`
	group   = `{"v":1,"id":0,"state":"active","rf":1}`
	alive   = `{"v":1,"ok":true}`
	sick    = `{"v":1,"ok":false}`
	index   = `{"v":1,"uid":"x","physical":"x--0","shards":2}`
	onA     = `{"v":1,"physical":"x--0","shards":2,"groups":{"0":[[{"node":"a","state":"active"}],[{"node":"a","state":"active"}]]}}`
)

func node(id, state string) string {
	return `{"v":1,"id":"` + id + `","address":"http://` + id + `:1","replica_group":0,"state":"` + state + `"}`
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		records map[string]string
		want    []Problem
	}{
		"nothing at all": {nil, []Problem{{Kind: ClusterMissing, Group: -1}}},
		"nodes before the cluster": {
			map[string]string{"nodes/a": node("a", "joining"), "health/a": alive}, []Problem{{Kind: ClusterMissing, Group: -1}},
		},
		"no nodes yet": {
			map[string]string{"config/cluster": cluster, "groups/0": group}, []Problem{{Kind: GroupShort, Count: 1}},
		},
		"a node joins": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "joining"), "health/a": alive},
			[]Problem{{Kind: GroupShort, Count: 1}, {Kind: NodeAdmissible, Node: "a"}},
		},
		"a node joins with a sick engine": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "joining"), "health/a": sick},
			[]Problem{{Kind: GroupShort, Count: 1}, {Kind: NodeFailed, Node: "a"}},
		},
		"an engine missed a probe": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "health/a": `{"v":1,"ok":true,"suspect":true}`},
			[]Problem{{Kind: NodeSuspect, Node: "a"}},
		},
		"all is well": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "health/a": alive,
				"indexes/x": index, "placement/x--0": onA}, nil,
		},
		"a node joins a cluster with indexes": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "health/a": alive,
				"nodes/b": node("b", "joining"), "health/b": alive, "indexes/x": index, "placement/x--0": onA},
			[]Problem{{Kind: NodeWaiting, Node: "b"}},
		},
		"the only node is down": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "indexes/x": index, "placement/x--0": onA},
			[]Problem{{Kind: NodeFailed, Node: "a"}, {Kind: ShardsUncovered, Index: "x", Shards: "0,1", Count: 2}},
		},
		"copies on a removed node": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "removed"),
				"nodes/b": node("b", "active"), "health/b": alive, "indexes/x": index, "placement/x--0": onA},
			[]Problem{
				{Kind: ShardsUncovered, Index: "x", Shards: "0,1", Count: 2},
				{Kind: PlacementBroken, Index: "x", Node: "a", Shards: "0,1", Count: 2},
				{Kind: PlacementDrift, Index: "x", Shards: "0,1", Count: 2},
			},
		},
		"an index that is frozen": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "health/a": alive, "indexes/x": index,
				"placement/x--0": onA, "settings/x--0": `{"v":1,"version":2,"frozen":{"task":7,"at":"2026-11-26T00:00:00Z"}}`},
			[]Problem{{Kind: SettingsFrozen, Index: "x", Group: -1}},
		},
		"a dirty copy": {
			map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "health/a": alive,
				"indexes/x": index, "placement/x--0": onA, "dirty/x--0/1/a": `{"v":1}`},
			[]Problem{
				{Kind: ShardsUncovered, Index: "x", Shards: "1", Count: 1},
				{Kind: CopiesDirty, Index: "x", Node: "a", Shards: "1", Count: 1},
			},
		},
		"a group that is going away needs no nodes": {
			map[string]string{"config/cluster": cluster, "groups/0": `{"v":1,"id":0,"state":"draining","rf":1}`}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, c.records)
			got := Problems(s)
			if len(got) == 0 && len(c.want) == 0 {
				return
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got  %+v\nwant %+v", got, c.want)
			}
			for range 5 {
				if again := Problems(s); !reflect.DeepEqual(again, got) {
					t.Fatalf("another order: %+v", again)
				}
			}
		})
	}
}

func TestAdmissible(t *testing.T) {
	records := map[string]string{
		"config/cluster": cluster, "groups/0": group,
		"nodes/c": node("c", "joining"), "health/c": alive, "nodes/a": node("a", "joining"), "health/a": alive,
		"nodes/b": node("b", "joining"), "health/b": sick, "nodes/d": node("d", "active"), "health/d": alive,
		"nodes/e": node("e", "removed"), "health/e": alive,
		"nodes/f": `{"v":1,"id":"f","replica_group":3,"state":"joining"}`, "health/f": alive,
	}
	if got := Admissible(build(t, records)); !slices.Equal(got, []string{"a", "c"}) {
		t.Fatalf("got %v", got)
	}
	records["indexes/x"], records["placement/x--0"] = index, onA
	if got := Admissible(build(t, records)); got != nil {
		t.Fatalf("nodes that join a cluster with indexes were admitted: %v", got)
	}
}

// WQ-6, §10.1: dirty copies on a node that is up can be repaired, and until then the node catches up.
func TestRepairsAndCatchingUp(t *testing.T) {
	records := map[string]string{"config/cluster": cluster, "groups/0": group, "nodes/a": node("a", "active"), "health/a": alive,
		"indexes/x": index, "placement/x--0": onA, "dirty/x--0/1/a": `{"v":1}`}
	s := build(t, records)
	if got := Repairs(s); !slices.Equal(got, []Repair{{"x", "x--0", "a"}}) || s.Status(s.Routing.Nodes["a"]) != view.StatusCatchingUp {
		t.Errorf("%v, %s", got, s.Status(s.Routing.Nodes["a"]))
	}
	records["health/a"] = sick
	if s = build(t, records); len(Repairs(s)) > 0 || s.Status(s.Routing.Nodes["a"]) != view.StatusFailed {
		t.Errorf("a sick node is repaired: %v", Repairs(s))
	}
	delete(records, "dirty/x--0/1/a")
	records["health/a"] = alive
	if s = build(t, records); len(Repairs(s)) > 0 || s.Status(s.Routing.Nodes["a"]) != "active" {
		t.Errorf("a clean node is repaired: %v", Repairs(s))
	}
}
