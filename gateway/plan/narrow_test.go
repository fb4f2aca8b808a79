package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/gateway/plan/candidate"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// spread makes a view with one index of many shards, placed on groups of nodes.
func spread(t interface{ Fatal(...any) }, groups, nodes, rf, shards int, down ...string) (*routing.View, *routing.Index) {
	b := routing.NewBuilder()
	put := func(key string, value any) {
		raw, err := json.Marshal(value)
		if err == nil {
			err = b.Put(key, raw, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p := routing.PlacementRecord{V: 1, Physical: "a--1", Shards: shards, Groups: map[int][][]routing.Copy{}}
	for g := range groups {
		put(fmt.Sprint("groups/", g), routing.GroupRecord{V: 1, ID: g, State: routing.GroupActive, RF: rf})
		var ids []string
		for i := range nodes {
			id := fmt.Sprintf("g%dn%d", g, i)
			ids = append(ids, id)
			put("nodes/"+id, routing.NodeRecord{V: 1, ID: id, Address: "http://" + id, ReplicaGroup: g, State: routing.NodeActive})
			if !slices.Contains(down, id) {
				put("health/"+id, routing.HealthRecord{V: 1, OK: true})
			}
		}
		owners, err := shardmap.Place(shards, rf, ids)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range owners {
			var copies []routing.Copy
			for _, n := range list {
				copies = append(copies, routing.Copy{Node: n, State: routing.CopyActive})
			}
			p.Groups[g] = append(p.Groups[g], copies)
		}
	}
	put("indexes/a", routing.IndexRecord{V: 1, UID: "a", Physical: "a--1", PrimaryKey: "id", PKCase: routing.PKLower, Shards: shards})
	put("placement/a--1", p)
	v := b.View()
	return v, v.Indexes["a"]
}

// A4.1: a filter on one id asks one node for one shard, with any number of copies.
func TestA41OneIDIsOneLeg(t *testing.T) {
	for rf := 1; rf <= 3; rf++ {
		v, ix := spread(t, 2, 3, rf, 64)
		n := Narrow(ix, []byte(`"id = \"sku_1\""`), 128)
		want := []int{shardmap.ShardOf([]byte("sku_1"), 64)}
		for seed := range uint64(20) {
			p := CoverNarrowed(v, ix, n, seed, nil)
			if len(p.Legs) != 1 || !slices.Equal(p.Legs[0].Shards, want) || len(p.Missing) != 0 {
				t.Fatalf("%d copies, seed %d: %+v", rf, seed, p)
			}
		}
	}
}

// F4: what can match nothing still has one leg; without narrowing all shards are asked, and the reason is told.
func TestF4NarrowingOfNothingAndOfEverything(t *testing.T) {
	v, ix := spread(t, 1, 3, 1, 16)
	for filter, legs := range map[string]int{`"id IN []"`: 1, `"id = 1 AND id = 2"`: 1, `"brand = x"`: 3, `null`: 3} {
		p := CoverNarrowed(v, ix, Narrow(ix, []byte(filter), 128), 5, nil)
		if len(p.Legs) != legs || len(p.Missing) != 0 {
			t.Errorf("%s: %+v", filter, p)
		}
	}
	if n := Narrow(ix, []byte(`"id = 1"`), 0); n.Narrowed || n.Reason != candidate.Switched {
		t.Errorf("the planner is off, yet %+v", n)
	}
	unknown := *ix
	unknown.PKCase = ""
	if n := Narrow(&unknown, []byte(`"id = a"`), 128); n.Narrowed || n.Reason != candidate.Letters {
		t.Errorf("letters of ids are not known, yet %+v", n)
	}
}

// F4: a narrowed read needs only its own shards: others may be down.
func TestF4NarrowedReadOutlivesOtherNodes(t *testing.T) {
	whole, ix := spread(t, 1, 3, 1, 64)
	n := Narrow(ix, []byte(`"id = 7"`), 128)
	owner := CoverNarrowed(whole, ix, n, 0, nil).Legs[0].Node
	var others []string
	for _, id := range whole.AllNodes() {
		if id != owner {
			others = append(others, id)
		}
	}
	v, ix := spread(t, 1, 3, 1, 64, others...)
	if p := CoverNarrowed(v, ix, n, 0, nil); len(p.Missing) != 0 || len(p.Legs) != 1 {
		t.Errorf("%+v", p)
	}
	v, ix = spread(t, 1, 3, 1, 64, owner)
	if p := CoverNarrowed(v, ix, n, 0, nil); len(p.Legs) != 0 || !slices.Equal(p.Missing, n.Shards) {
		t.Errorf("%+v", p)
	}
}

// RD-2, RD-6: every wanted shard stands in one leg or is missing, a node has one leg, nothing is missing that a live node
// holds, the plan is the same for all pages, and a group whose nodes hold all shards is asked in one leg.
func TestRD2PlansCoverExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, nodes := rapid.IntRange(1, 3).Draw(t, "groups"), rapid.IntRange(1, 4).Draw(t, "nodes")
		rf, shards := rapid.IntRange(1, nodes).Draw(t, "rf"), rapid.IntRange(1, 70).Draw(t, "shards")
		var down []string
		for g := range groups {
			for i := range nodes {
				if rapid.IntRange(0, 3).Draw(t, "down") == 0 {
					down = append(down, fmt.Sprintf("g%dn%d", g, i))
				}
			}
		}
		v, ix := spread(t, groups, nodes, rf, shards, down...)
		n := Narrowing{}
		wanted := allShards(shards)
		if rapid.Bool().Draw(t, "narrowed") {
			ids := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9]{1,3}`), 1, 4).Draw(t, "ids")
			n = NarrowToIDs(ix, ids)
			wanted = n.Shards
		}
		seed := rapid.Uint64().Draw(t, "seed")
		p := CoverNarrowed(v, ix, n, seed, nil)
		checkExact(t, p, wanted, ix, down)
		if again := CoverNarrowed(v, ix, n, seed, nil); fmt.Sprint(again) != fmt.Sprint(p) {
			t.Fatalf("%+v, then %+v", p, again)
		}
		whole := func(g int) bool {
			return slices.ContainsFunc(v.NodesOf(g), func(id string) bool { return !slices.Contains(down, id) })
		}
		if rf == nodes && whole(p.groupOr(-1)) && len(p.Legs) != 1 {
			t.Fatalf("%d legs where one node holds all: %+v", len(p.Legs), p)
		}
		if len(p.Legs) == 0 {
			return
		}
		failed := p.Legs[0]
		others, _ := Replan(v, ix, failed, nil)
		var got []int
		for _, l := range others {
			got = append(got, l.Shards...)
			if l.Node == failed.Node {
				t.Fatalf("the failed node is asked again: %+v", others)
			}
		}
		if rf == nodes && nodes*groups-len(down) > 1 && len(others) != 1 {
			t.Fatalf("another node holds all, yet %+v", others)
		}
		if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("shards twice in %+v", others)
		}
	})
}

func (r Read) groupOr(none int) int {
	if len(r.Legs) == 0 {
		return none
	}
	return r.Legs[0].Group
}

func checkExact(t *rapid.T, p Read, wanted []int, ix *routing.Index, down []string) {
	got, asked := slices.Clone(p.Missing), map[string]bool{}
	holds := func(node string, shard int) bool {
		group := int(node[1] - '0')
		return slices.ContainsFunc(ix.Placement.Groups[group][shard], func(c routing.Copy) bool { return c.Node == node })
	}
	for _, l := range p.Legs {
		if asked[l.Node] || slices.Contains(down, l.Node) || !strings.HasPrefix(l.Node, fmt.Sprint("g", l.Group)) {
			t.Fatalf("leg %+v of %+v", l, p)
		}
		asked[l.Node] = true
		for _, s := range l.Shards {
			if !holds(l.Node, s) {
				t.Fatalf("%s does not hold shard %d", l.Node, s)
			}
		}
		got = append(got, l.Shards...)
	}
	if slices.Sort(got); !slices.Equal(got, wanted) {
		t.Fatalf("%v planned of %v", got, wanted)
	}
	for _, s := range p.Missing {
		for g := range ix.Placement.Groups {
			for _, c := range ix.Placement.Groups[g][s] {
				if !slices.Contains(down, c.Node) {
					t.Fatalf("shard %d is missing, %s holds it", s, c.Node)
				}
			}
		}
	}
}
