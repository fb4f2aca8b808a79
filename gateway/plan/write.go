package plan

import (
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
)

// Copy is one copy of a shard that a write goes to.
type Copy struct {
	Node     string
	Group    int
	Complete bool // an active or draining copy, not one under construction
	Up       bool // the node and its engine answer: it counts for quorum, if it is complete and not dirty
	Down     bool // the node is not up: nothing is sent, the copy misses the write at once
	Dirty    bool // by the view; the store knows better
}

// counts says whether a copy counts for quorum.
func (c Copy) counts(dirty bool) bool { return c.Complete && c.Up && !dirty }

// Write is the plan of a write to some shards of an index.
type Write struct {
	Epoch  int64
	Strict bool           // a group needs as many copies as if all lived (quorum.base: configured)
	Copies map[int][]Copy // by shard: every copy that must get the write
	Legs   []Leg          // one per node that is up, ascending by node; Shards are those of the write it holds
	rf     map[int]int    // copies per shard, by group
	active map[int]bool
}

// PlanWrite lists who gets a write to the given shards (W of spec §1.3) and what each group needs for quorum.
func PlanWrite(v *routing.View, ix *routing.Index, shards []int) Write {
	w := Write{
		Epoch: v.Epoch, Copies: make(map[int][]Copy, len(shards)), rf: map[int]int{}, active: map[int]bool{},
	}
	byNode := map[string]*Leg{}
	for _, g := range v.Groups {
		if g.State == routing.GroupRemoved {
			continue
		}
		w.active[g.ID], w.rf[g.ID] = g.State == routing.GroupActive, g.RF
		placed := ix.Placement.Groups[g.ID]
		for _, s := range shards {
			if s >= len(placed) {
				continue
			}
			for _, c := range placed[s] {
				n := v.Nodes[c.Node]
				if n.State == routing.NodeRemoved {
					continue
				}
				cp := Copy{
					Node: c.Node, Group: g.ID, Down: !n.Alive, Up: n.OK, Complete: c.State != routing.CopyBuilding, Dirty: ix.Dirty(s, c.Node),
				}
				w.Copies[s] = append(w.Copies[s], cp)
				if !cp.Down {
					addLeg(byNode, v, g.ID, c.Node, s)
				}
			}
		}
	}
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		leg := byNode[node]
		slices.Sort(leg.Shards)
		w.Legs = append(w.Legs, *leg)
	}
	return w
}

// At is the plan as it stands by a newer view: copies on nodes that went down meanwhile do not count for quorum.
func (w Write) At(v *routing.View) Write {
	copies := make(map[int][]Copy, len(w.Copies))
	for s, list := range w.Copies {
		copies[s] = slices.Clone(list)
		for i, c := range copies[s] {
			copies[s][i].Up = c.Up && v.Nodes[c.Node].OK
		}
	}
	w.Copies = copies
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
