package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Copy is one copy of a shard that a write goes to.
type Copy struct {
	Node     string
	Group    int
	Complete bool // counts for quorum: an active or draining copy on an owner that is not failed
	Down     bool // the node is not up: nothing is sent, the copy is dirty at once
}

// Write is the plan of a write to some shards of an index.
type Write struct {
	Epoch   int64
	Copies  map[int][]Copy // by shard: every copy that must get the write
	Legs    []Leg          // one per node that is up, ascending by node; Shards are those of the write it holds
	need    map[groupShard]int
	active  map[int]bool
	Lowered bool // some group needs fewer acknowledgements than configured because copies are down
}

type groupShard struct{ group, shard int }

// PlanWrite lists who gets a write to the given shards (W of spec §1.3) and what each group needs for quorum.
func PlanWrite(v *routing.View, ix *routing.Index, shards []int) Write {
	w := Write{
		Epoch: v.Epoch, Copies: make(map[int][]Copy, len(shards)), need: map[groupShard]int{}, active: map[int]bool{},
	}
	byNode := map[string]*Leg{}
	for _, g := range v.Groups {
		if g.State == routing.GroupRemoved {
			continue
		}
		w.active[g.ID] = g.State == routing.GroupActive
		placed := ix.Placement.Groups[g.ID]
		for _, s := range shards {
			if s >= len(placed) {
				continue
			}
			complete := 0
			for _, c := range placed[s] {
				n := v.Nodes[c.Node]
				if n.State == routing.NodeRemoved {
					continue
				}
				cp := Copy{Node: c.Node, Group: g.ID, Down: !n.Alive, Complete: c.State != routing.CopyBuilding && n.Alive}
				w.Copies[s] = append(w.Copies[s], cp)
				if cp.Complete {
					complete++
				}
				if !cp.Down {
					addLeg(byNode, v, g.ID, c.Node, s)
				}
			}
			w.need[groupShard{g.ID, s}] = shardmap.Need(g.RF, complete)
			w.Lowered = w.Lowered || complete < min(shardmap.NeedConfigured(g.RF), len(placed[s]))
		}
	}
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		leg := byNode[node]
		slices.Sort(leg.Shards)
		w.Legs = append(w.Legs, *leg)
	}
	return w
}

func addLeg(byNode map[string]*Leg, v *routing.View, group int, node string, shard int) {
	l := byNode[node]
	if l == nil {
		l = &Leg{Node: node, Address: v.Nodes[node].Address, Group: group}
		byNode[node] = l
	}
	l.Shards = append(l.Shards, shard)
}

// Verdict is what a write's acknowledgements amount to.
type Verdict struct {
	FailedShards   []int            // no active group met quorum, ascending
	DegradedGroups []int            // groups that missed quorum for some shard, ascending
	Missed         map[string][]int // node → shards whose write it did not acknowledge
}

// Accepted says whether the write succeeded for every shard (WQ-3).
func (v Verdict) Accepted() bool { return len(v.FailedShards) == 0 }

// Judge applies the quorum rules WQ-2, WQ-3 and WQ-6 to the nodes that acknowledged.
func (w Write) Judge(acked map[string]bool) Verdict {
	out := Verdict{Missed: map[string][]int{}}
	degraded := map[int]bool{}
	for _, s := range slices.Sorted(maps.Keys(w.Copies)) {
		acks := map[int]int{}
		for _, c := range w.Copies[s] {
			if !acked[c.Node] {
				out.Missed[c.Node] = append(out.Missed[c.Node], s)
			} else if c.Complete {
				acks[c.Group]++
			}
		}
		met := false
		for g, isActive := range w.active {
			need := w.need[groupShard{g, s}]
			switch {
			case need == 0 || acks[g] < need:
				degraded[g] = true
			case isActive:
				met = true
			}
		}
		if !met {
			out.FailedShards = append(out.FailedShards, s)
		}
	}
	out.DegradedGroups = slices.SortedFunc(maps.Keys(degraded), cmp.Compare)
	return out
}
