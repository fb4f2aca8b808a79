package routing

import (
	"maps"
	"slices"
)

// Node is a node in the view.
type Node struct {
	NodeRecord
	Alive   bool // its sidecar holds its lease
	OK      bool // Alive, and its engine answers probes
	Suspect bool // OK, but its engine missed the last probe: others are asked first
}

// Index is a logical index in the view, ready to be routed by.
type Index struct {
	IndexRecord
	Name            string // what the client calls it: its UID, or an alias
	Placement       PlacementRecord
	PlacedAt        int64  // revision of the placement's record in the store: senders of older views may not know it
	Settings        []byte // client view, canonical JSON; nil before the first settings commit
	SettingsVersion uint64
	SettingsNodes   []string                      // that carried out the change from the version before
	SettingsHash    string                        // of what engines must show; empty before the first commit
	Frozen          *Freeze                       // no writes of documents; nil where there are
	Shown           map[string]NodeSettingsRecord // what nodes were seen to show, by node; it does not move the epoch
	Astray          map[string]bool               // nodes that were seen to show other settings than those committed, or rest; nil for none
	Resting         []string                      // nodes that others are read for, because a change of settings is not through with them
	dirty           map[dirtyKey]bool
	memo            *memo // of the one view that the index belongs to; nil for none
}

type dirtyKey struct {
	shard int
	node  string
}

// View is everything that routing needs at one epoch. It must not be modified.
type View struct {
	Epoch    int64
	Cluster  ClusterRecord
	Features FeaturesRecord
	Nodes    map[string]Node
	Groups   []GroupRecord // ascending by id
	Indexes  map[string]*Index
	Physical map[string]*Index        // the same indexes by physical name
	UIDs     []string                 // logical names, ascending
	Aliases  map[string]*Alias        // by name
	Barriers map[string]BarrierRecord // by physical name; they do not move the epoch
}

// ActiveGroups lists the ids of the groups that may be read from, ascending.
func (v *View) ActiveGroups() []int {
	var ids []int
	for _, g := range v.Groups {
		if g.State == GroupActive {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// Group finds a group by id; the zero record when there is none.
func (v *View) Group(id int) GroupRecord {
	for _, g := range v.Groups {
		if g.ID == id {
			return g
		}
	}
	return GroupRecord{}
}

// NodesOf lists the ids of a group's nodes that have been admitted (active or draining), ascending.
func (v *View) NodesOf(group int) []string {
	var ids []string
	for id, n := range v.Nodes {
		if n.ReplicaGroup == group && (n.State == NodeActive || n.State == NodeDraining) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// AllNodes lists the ids of all nodes but removed ones, ascending.
func (v *View) AllNodes() []string {
	ids := make([]string, 0, len(v.Nodes))
	for id, n := range v.Nodes {
		if n.State != NodeRemoved {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Only is the view with one of its indexes held by the given nodes alone, for a read that must not go elsewhere.
func (v *View) Only(ix *Index, nodes map[string]bool) *View {
	held := *ix
	held.Name = ix.UID
	held.memo = nil // what is known of the index does not hold for a part of it
	held.Placement.Groups = make(map[int][][]Copy, len(ix.Placement.Groups))
	for g, byShard := range ix.Placement.Groups {
		kept := make([][]Copy, len(byShard))
		for s, copies := range byShard {
			for _, c := range copies {
				if nodes[c.Node] {
					kept[s] = append(kept[s], c)
				}
			}
		}
		held.Placement.Groups[g] = kept
	}
	only := *v
	only.Indexes, only.Physical = maps.Clone(v.Indexes), maps.Clone(v.Physical)
	only.Indexes[ix.UID], only.Physical[ix.Physical] = &held, &held
	only.Aliases = maps.Clone(v.Aliases)
	for name, a := range v.Aliases {
		if at := slices.IndexFunc(a.Indexes, func(one *Index) bool { return one.Physical == ix.Physical }); at >= 0 {
			called, alias := held, *a
			called.Name = name
			alias.Indexes = slices.Clone(a.Indexes)
			alias.Indexes[at] = &called
			only.Aliases[name] = &alias
		}
	}
	return &only
}

// Dirty says whether a node's copy of a shard missed a write.
func (ix *Index) Dirty(shard int, node string) bool { return ix.dirty[dirtyKey{shard, node}] }

// HeldBy lists the shards of which a node has any copy, in whatever state, ascending.
func (ix *Index) HeldBy(node string) []int {
	var shards []int
	for _, byShard := range ix.Placement.Groups {
		for s, copies := range byShard {
			if slices.ContainsFunc(copies, func(c Copy) bool { return c.Node == node }) {
				shards = append(shards, s)
			}
		}
	}
	slices.Sort(shards)
	return slices.Compact(shards)
}

// NodesHolding lists every node with a copy of any shard of the index, ascending.
func (ix *Index) NodesHolding() []string {
	var ids []string
	for _, byShard := range ix.Placement.Groups {
		for _, copies := range byShard {
			for _, c := range copies {
				ids = append(ids, c.Node)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
