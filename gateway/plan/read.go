package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// ErrUncovered says that no live copy of some shard can be read.
var ErrUncovered = errors.New("no live copy of some shards")

// Leg is one node's share of a request.
type Leg struct {
	Node    string
	Address string
	Group   int
	Shards  []int // ascending
}

// Read is the plan of a request that reads: every shard stands in exactly one leg or in Missing.
type Read struct {
	Epoch   int64
	Legs    []Leg // ascending by lowest shard
	Missing []int // shards that no node can answer for, ascending
}

// Avoid names nodes that shall not be asked though the view has them up. nil avoids nobody.
type Avoid func(node string) bool

// CoverIndex plans a read of all shards of an index: one covering set of one active group (RD-2), another group where
// the first cannot cover (RD-6 step 1), shards from any group where none can (step 2). seed picks the group and the
// copies: the same seed gives the same plan while the view stays the same.
func CoverIndex(v *routing.View, ix *routing.Index, seed uint64, avoid Avoid) Read {
	return cover(v, ix, allShards(ix.Shards), seed, func(group int, seed uint64) ([]shardmap.Cover, []int) {
		return v.Cover(ix, group, seed, avoid)
	}, avoid)
}

// CoverNarrowed is CoverIndex for a read that a filter may narrow to some shards. A read that can find nothing still has a
// leg, so that a node judges it and gives its answer the right form.
func CoverNarrowed(v *routing.View, ix *routing.Index, n Narrowing, seed uint64, avoid Avoid) Read {
	if !n.Narrowed {
		return CoverIndex(v, ix, seed, avoid)
	}
	if len(n.Shards) == 0 {
		r := CoverIndex(v, ix, seed, avoid)
		if len(r.Legs) > 0 {
			r.Legs, r.Missing = r.Legs[:1:1], nil
		}
		return r
	}
	return cover(v, ix, n.Shards, seed, func(group int, seed uint64) ([]shardmap.Cover, []int) {
		return shardmap.CoveringSetOf(n.Shards, ix.Shards, v.Holders(ix, group, avoid), seed)
	}, avoid)
}

// cover plans a read of the wanted shards, of which cover finds a covering set in a group.
func cover(
	v *routing.View, ix *routing.Index, wanted []int, seed uint64, of func(group int, seed uint64) ([]shardmap.Cover, []int), avoid Avoid,
) Read {
	groups := v.ActiveGroups()
	best := Read{Epoch: v.Epoch, Missing: wanted}
	if len(groups) == 0 {
		return best
	}
	at := int(seed % uint64(len(groups)))
	for i := range groups {
		g := groups[(at+i)%len(groups)]
		cover, missing := of(g, seed/uint64(len(groups)))
		if len(missing) == 0 {
			return Read{Epoch: v.Epoch, Legs: legs(v, g, cover)}
		}
		if i == 0 || len(missing) < len(best.Missing) {
			best = Read{Epoch: v.Epoch, Legs: legs(v, g, cover), Missing: missing}
		}
	}
	return fill(v, ix, best, groups, seed, avoid)
}

// fill takes missing shards from the fewest nodes of any groups that have them.
func fill(v *routing.View, ix *routing.Index, r Read, groups []int, seed uint64, avoid Avoid) Read {
	var holders []shardmap.Holder
	for _, g := range groups {
		holders = append(holders, v.Holders(ix, g, avoid)...)
	}
	found, missing := shardmap.CoveringSetOf(r.Missing, ix.Shards, holders, seed)
	r.Missing = missing
	for _, c := range found {
		r.Legs = addShards(r.Legs, Leg{
			Node: c.Node, Address: v.Nodes[c.Node].Address, Group: v.Nodes[c.Node].ReplicaGroup, Shards: c.Shards,
		})
	}
	sortLegs(r.Legs)
	return r
}

// addShards merges a leg into one for the same node, for a node is asked once.
func addShards(list []Leg, l Leg) []Leg {
	for i := range list {
		if list[i].Node == l.Node {
			list[i].Shards = slices.Concat(list[i].Shards, l.Shards) // they may belong to a remembered covering set
			slices.Sort(list[i].Shards)
			return list
		}
	}
	return append(list, l)
}

// Replan covers the shards of a failed leg by other nodes; ErrUncovered when some have no other live copy.
func Replan(v *routing.View, ix *routing.Index, failed Leg, avoid Avoid) ([]Leg, error) {
	r := fill(v, ix, Read{Missing: failed.Shards}, v.ActiveGroups(), uint64(failed.Shards[0]), func(node string) bool { //nolint:gosec // not negative
		return node == failed.Node || avoid != nil && avoid(node)
	})
	if len(r.Missing) > 0 {
		return r.Legs, fmt.Errorf("shards %s: %w", shardmap.FormatRanges(r.Missing), ErrUncovered)
	}
	return r.Legs, nil
}

// Owner plans a read of one shard: the nodes that may answer, best first.
func Owner(v *routing.View, ix *routing.Index, shard int, seed uint64, avoid Avoid) []Leg {
	var found []Leg
	groups := v.ActiveGroups()
	for i := range groups {
		g := groups[(int(seed%uint64(len(groups)))+i)%len(groups)]
		for _, h := range v.Holders(ix, g, avoid) {
			if slices.Contains(h.Shards, shard) {
				found = append(found, Leg{Node: h.Node, Address: v.Nodes[h.Node].Address, Group: g, Shards: []int{shard}})
			}
		}
	}
	return found
}

// AnyNode lists all nodes that are up, starting at a place that depends on seed: for requests that any node answers.
func AnyNode(v *routing.View, seed uint64) []Leg {
	var up []Leg
	for _, id := range v.AllNodes() {
		if n := v.Nodes[id]; n.OK {
			up = append(up, Leg{Node: id, Address: n.Address, Group: n.ReplicaGroup})
		}
	}
	if len(up) == 0 {
		return nil
	}
	at := int(seed % uint64(len(up)))
	return append(up[at:len(up):len(up)], up[:at]...)
}

func legs(v *routing.View, group int, cover []shardmap.Cover) []Leg {
	list := make([]Leg, len(cover))
	for i, c := range cover {
		list[i] = Leg{Node: c.Node, Address: v.Nodes[c.Node].Address, Group: group, Shards: c.Shards}
	}
	return list
}

func sortLegs(list []Leg) {
	slices.SortFunc(list, func(a, b Leg) int { return a.Shards[0] - b.Shards[0] })
}

func allShards(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
