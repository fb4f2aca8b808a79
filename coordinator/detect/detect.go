package detect

import (
	"cmp"
	"slices"

	"github.com/miroir-search/miroir/coordinator/placement"
	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Kind is what a problem is about.
type Kind string

// Kinds of problems, the ones that hide others first.
const (
	ClusterMissing  Kind = "cluster_missing"  // the cluster's shape is not written down
	GroupShort      Kind = "group_short"      // a group has fewer admitted nodes than copies are wanted
	NodeAdmissible  Kind = "node_admissible"  // a joining node can become active at once
	NodeWaiting     Kind = "node_waiting"     // a joining node gets its share with the next rebalance
	NodeSuspect     Kind = "node_suspect"     // its engine missed a probe
	NodeFailed      Kind = "node_failed"      // its engine does not answer, or its sidecar lost the lease
	ShardsUncovered Kind = "shards_uncovered" // a group can not answer for shards
	PlacementBroken Kind = "placement_broken" // a recorded copy stands on a node that does not exist any more
	PlacementDrift  Kind = "placement_drift"  // copies stand somewhere else than they belong
	CopiesDirty     Kind = "copies_dirty"     // copies missed writes and wait for repair
	SettingsFrozen  Kind = "settings_frozen"  // nodes have different settings for good, and the index takes no writes
)

// Problem is one thing that is wrong. What does not apply is empty; Group is -1 then.
type Problem struct {
	Kind   Kind   `json:"kind"`
	Node   string `json:"node,omitempty"`
	Group  int    `json:"group"`
	Index  string `json:"index,omitempty"`
	Shards string `json:"shards,omitempty"` // as shardmap.FormatRanges writes them
	Count  int    `json:"count,omitempty"`  // copies or shards that are meant
}

// nobody marks a problem that is about no group.
const nobody = -1

// Problems lists everything that is wrong, by kind in the order above, then by index, group and node.
func Problems(s view.Snapshot) []Problem {
	if !s.Formed() {
		return append([]Problem{{Kind: ClusterMissing, Group: nobody}}, nodes(s)...)
	}
	list := slices.Concat(groups(s), nodes(s), gaps(s), placements(s))
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), cmp.Compare(a.Index, b.Index),
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Node, b.Node))
	})
	return list
}

// Admissible lists the nodes that can become active at once, ascending.
func Admissible(s view.Snapshot) []string {
	var ids []string
	for _, n := range s.Nodes() {
		if admissible(s, n) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// admissible holds for joining nodes that live, in a group that exists, while no index is placed. A node that joins
// later holds nothing until a rebalance gives it its share, so it stays joining.
func admissible(s view.Snapshot, n routing.Node) bool {
	return s.Formed() && len(s.Routing.Indexes) == 0 && n.State == routing.NodeJoining && n.OK &&
		s.Routing.Group(n.ReplicaGroup).State == routing.GroupActive
}

func order(k Kind) int {
	return slices.Index([]Kind{
		ClusterMissing, GroupShort, NodeAdmissible, NodeWaiting, NodeSuspect, NodeFailed, ShardsUncovered, PlacementBroken,
		PlacementDrift, CopiesDirty, SettingsFrozen,
	}, k)
}

func groups(s view.Snapshot) []Problem {
	var list []Problem
	for _, g := range s.Routing.Groups {
		if g.State != routing.GroupActive && g.State != routing.GroupInitializing {
			continue
		}
		if have := len(placement.Receivers(s.Routing, g.ID)); have < g.RF {
			list = append(list, Problem{Kind: GroupShort, Group: g.ID, Count: g.RF - have})
		}
	}
	return list
}

func nodes(s view.Snapshot) []Problem {
	var list []Problem
	for _, n := range s.Nodes() {
		p := Problem{Node: n.ID, Group: n.ReplicaGroup}
		switch status := view.StatusOf(n); {
		case status == view.StatusFailed:
			p.Kind = NodeFailed
		case status == view.StatusSuspect:
			p.Kind = NodeSuspect
		case admissible(s, n):
			p.Kind = NodeAdmissible
		case n.State == routing.NodeJoining && s.Formed():
			p.Kind = NodeWaiting
		default:
			continue
		}
		list = append(list, p)
	}
	return list
}

func gaps(s view.Snapshot) []Problem {
	var list []Problem
	for _, g := range s.Gaps() {
		list = append(list, Problem{
			Kind: ShardsUncovered, Index: g.Index, Group: g.Group, Shards: shardmap.FormatRanges(g.Shards), Count: len(g.Shards),
		})
	}
	return list
}

func placements(s view.Snapshot) []Problem {
	var list []Problem
	for _, uid := range s.Routing.UIDs {
		ix := s.Routing.Indexes[uid]
		list = append(list, copies(s.Routing, ix)...)
		if ix.Frozen != nil {
			list = append(list, Problem{Kind: SettingsFrozen, Index: uid, Group: nobody})
		}
		drift := map[int][]int{}
		for _, m := range placement.Drift(s.Routing, ix) {
			drift[m.Group] = append(drift[m.Group], m.Shard)
		}
		for group, shards := range drift {
			list = append(list, problemOf(PlacementDrift, uid, group, "", shards))
		}
	}
	return list
}

// copies finds copies on nodes that are gone, and dirty ones.
func copies(v *routing.View, ix *routing.Index) []Problem {
	type place struct {
		group int
		node  string
	}
	gone, dirty := map[place][]int{}, map[place][]int{}
	for group, byShard := range ix.Placement.Groups {
		for shard, list := range byShard {
			for _, c := range list {
				if n, ok := v.Nodes[c.Node]; !ok || n.State == routing.NodeRemoved {
					gone[place{group, c.Node}] = append(gone[place{group, c.Node}], shard)
				} else if ix.Dirty(shard, c.Node) {
					dirty[place{group, c.Node}] = append(dirty[place{group, c.Node}], shard)
				}
			}
		}
	}
	var list []Problem
	for at, shards := range gone {
		list = append(list, problemOf(PlacementBroken, ix.UID, at.group, at.node, shards))
	}
	for at, shards := range dirty {
		list = append(list, problemOf(CopiesDirty, ix.UID, at.group, at.node, shards))
	}
	return list
}

func problemOf(kind Kind, index string, group int, node string, shards []int) Problem {
	slices.Sort(shards)
	count := len(shards)
	return Problem{
		Kind: kind, Index: index, Group: group, Node: node, Shards: shardmap.FormatRanges(slices.Compact(shards)), Count: count,
	}
}

// Repair is a node with dirty copies of an index that can be repaired: it is up.
type Repair struct{ Index, Physical, Node string }

// Repairs lists what can be repaired, by index and node.
func Repairs(s view.Snapshot) []Repair {
	var list []Repair
	for _, uid := range s.Routing.UIDs {
		ix := s.Routing.Indexes[uid]
		for _, node := range ix.NodesHolding() {
			n, known := s.Routing.Nodes[node]
			if known && n.OK && slices.ContainsFunc(ix.HeldBy(node), func(shard int) bool { return ix.Dirty(shard, node) }) {
				list = append(list, Repair{uid, ix.Physical, node})
			}
		}
	}
	return list
}
