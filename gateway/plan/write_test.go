package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

// cluster makes a view with one index of one shard, rf copies in each of the groups, nodes named g<group>n<i>. down
// lists nodes whose lease is gone.
func cluster(groups, rf int, down ...string) (*routing.View, *routing.Index) {
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			panic(err)
		}
	}
	placed := ""
	for g := range groups {
		put(fmt.Sprintf("groups/%d", g), fmt.Sprintf(`{"v":1,"id":%d,"state":"active","rf":%d}`, g, rf))
		copies := ""
		for i := range rf {
			id := fmt.Sprintf("g%dn%d", g, i)
			put("nodes/"+id, fmt.Sprintf(`{"v":1,"id":%q,"address":"http://%s","replica_group":%d,"state":"active"}`, id, id, g))
			if !slices.Contains(down, id) {
				put("health/"+id, `{"v":1,"ok":true}`)
			}
			copies += fmt.Sprintf(`{"node":%q,"state":"active"},`, id)
		}
		placed += fmt.Sprintf(`"%d":[[%s]],`, g, copies[:len(copies)-1])
	}
	put("indexes/a", `{"v":1,"uid":"a","physical":"a--1","shards":1}`)
	put("placement/a--1", fmt.Sprintf(`{"v":1,"physical":"a--1","shards":1,"groups":{%s}}`, placed[:len(placed)-1]))
	v := b.View()
	return v, v.Indexes["a"]
}

func acks(nodes ...string) Acks {
	a := Acks{Acked: map[string]bool{}}
	for _, n := range nodes {
		a.Acked[n] = true
	}
	return a
}

// WQ-2, WQ-3, WQ-5: the quorum table of the specification. The groups are those that the degraded header names; it is there too
// where the need was lowered because an owner is failed.
func TestWQ3QuorumTable(t *testing.T) {
	for _, c := range []struct {
		name       string
		groups, rf int
		strict     bool
		down       []string
		acked      []string
		accepted   bool
		degraded   bool
		missing    []int // groups without quorum
	}{
		{"1,1 acked", 1, 1, false, nil, []string{"g0n0"}, true, false, nil},
		{"1,1 none", 1, 1, false, nil, nil, false, true, []int{0}},
		{"1,1 down", 1, 1, false, []string{"g0n0"}, nil, false, true, []int{0}},
		{"1,2 both", 1, 2, false, nil, []string{"g0n0", "g0n1"}, true, false, nil},
		{"1,2 one of two live", 1, 2, false, nil, []string{"g0n0"}, false, true, []int{0}},
		{"1,2 the survivor", 1, 2, false, []string{"g0n1"}, []string{"g0n0"}, true, true, nil},
		{"1,2 none lives", 1, 2, false, []string{"g0n0", "g0n1"}, nil, false, true, []int{0}},
		{"1,2 configured, both", 1, 2, true, nil, []string{"g0n0", "g0n1"}, true, false, nil},
		{"1,2 configured, the survivor", 1, 2, true, []string{"g0n1"}, []string{"g0n0"}, false, true, []int{0}},
		{"1,3 all", 1, 3, false, nil, []string{"g0n0", "g0n1", "g0n2"}, true, false, nil},
		{"1,3 any two", 1, 3, false, nil, []string{"g0n0", "g0n2"}, true, false, nil},
		{"1,3 one", 1, 3, false, nil, []string{"g0n0"}, false, true, []int{0}},
		{"1,3 both of two", 1, 3, false, []string{"g0n2"}, []string{"g0n0", "g0n1"}, true, false, nil},
		{"1,3 one of two", 1, 3, false, []string{"g0n2"}, []string{"g0n0"}, false, true, []int{0}},
		{"1,3 the last", 1, 3, false, []string{"g0n1", "g0n2"}, []string{"g0n0"}, true, true, nil},
		{"1,3 configured, both of two", 1, 3, true, []string{"g0n2"}, []string{"g0n0", "g0n1"}, true, false, nil},
		{"1,3 configured, the last", 1, 3, true, []string{"g0n1", "g0n2"}, []string{"g0n0"}, false, true, []int{0}},
		{"1,4 three", 1, 4, false, nil, []string{"g0n0", "g0n1", "g0n2"}, true, false, nil},
		{"1,4 two", 1, 4, false, nil, []string{"g0n0", "g0n1"}, false, true, []int{0}},
		{"1,4 three live, all", 1, 4, false, []string{"g0n3"}, []string{"g0n0", "g0n1", "g0n2"}, true, false, nil},
		{"1,4 three live, two", 1, 4, false, []string{"g0n3"}, []string{"g0n0", "g0n1"}, false, true, []int{0}},
		{"2,1 one group", 2, 1, false, nil, []string{"g0n0"}, true, true, []int{1}},
		{"2,1 the other is down", 2, 1, false, []string{"g1n0"}, []string{"g0n0"}, true, true, []int{1}},
		{"2,3 one group whole enough", 2, 3, false, nil, []string{"g0n0", "g0n1", "g1n0"}, true, true, []int{1}},
		{"2,3 no group", 2, 3, false, nil, []string{"g0n0", "g1n0"}, false, true, []int{0, 1}},
	} {
		v, ix := cluster(c.groups, c.rf, c.down...)
		p := PlanWrite(v, ix, []int{0})
		p.Strict = c.strict
		got := p.Judge(acks(c.acked...), nil)
		if got.Accepted() != c.accepted || !slices.Equal(got.DegradedGroups, c.missing) || slices.Equal(got.DegradedShards, []int{0}) != c.degraded {
			t.Errorf("%s: %+v", c.name, got)
		}
		missed := 0
		for _, shards := range got.Missed {
			missed += len(shards)
		}
		if missed != c.groups*c.rf-len(c.acked) {
			t.Errorf("%s: %d copies missed the write, want %d (WQ-6)", c.name, missed, c.groups*c.rf-len(c.acked))
		}
	}
}

// WQ-5: a copy that is dirty does not count, and has the write when it took it: nothing is degraded then.
func TestWQ5ADirtyCopyThatTookTheWrite(t *testing.T) {
	v, ix := cluster(1, 2)
	p := PlanWrite(v, ix, []int{0})
	dirty := func(_ int, node string) bool { return node == "g0n1" }
	for acked, degraded := range map[string]bool{"g0n0 g0n1": false, "g0n0": true} {
		if got := p.Judge(acks(strings.Fields(acked)...), dirty); !got.Accepted() || (len(got.DegradedShards) > 0) != degraded {
			t.Errorf("%s: %+v", acked, got)
		}
	}
}

// WQ-2: a copy whose node went down while it was waited for does not count any more; one that came up meanwhile does not count yet.
func TestWQ2NodesThatWentDownMeanwhile(t *testing.T) {
	v, ix := cluster(1, 3, "g0n2")
	p := PlanWrite(v, ix, []int{0})
	if p.Judge(acks("g0n0"), nil).Accepted() {
		t.Error("one of two was enough")
	}
	later, _ := cluster(1, 3, "g0n1")
	if got := p.At(later).Judge(acks("g0n0"), nil); !got.Accepted() || !slices.Equal(got.DegradedShards, []int{0}) || len(got.Mark) != 2 {
		t.Errorf("%+v", got)
	}
	if p.Judge(acks("g0n0"), nil).Accepted() {
		t.Error("the plan itself has changed")
	}
}

// WQ-8: one leg per node that is up, and none for the others.
func TestWQ8OneLegPerNode(t *testing.T) {
	v, ix := cluster(2, 2, "g1n1")
	p := PlanWrite(v, ix, []int{0})
	var nodes []string
	for _, l := range p.Legs {
		nodes = append(nodes, l.Node)
	}
	if !slices.Equal(nodes, []string{"g0n0", "g0n1", "g1n0"}) {
		t.Fatalf("legs to %v", nodes)
	}
}
