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
	groups := v.ActiveGroups()
	best := Read{Epoch: v.Epoch, Missing: allShards(ix.Shards)}
	if len(groups) == 0 {
		return best
	}
	at := int(seed % uint64(len(groups)))
	for i := range groups {
		g := groups[(at+i)%len(groups)]
		cover, missing := shardmap.CoveringSet(ix.Shards, v.Holders(ix, g, avoid), seed/uint64(len(groups)))
		if len(missing) == 0 {
			return Read{Epoch: v.Epoch, Legs: legs(v, g, cover)}
		}
		if i == 0 || len(missing) < len(best.Missing) {
			best = Read{Epoch: v.Epoch, Legs: legs(v, g, cover), Missing: missing}
		}
	}
	return fill(v, ix, best, groups, avoid)
}

// fill takes missing shards from whatever group has them.
func fill(v *routing.View, ix *routing.Index, r Read, groups []int, avoid Avoid) Read {
	for _, g := range groups {
		for _, h := range v.Holders(ix, g, avoid) {
			var take []int
			r.Missing = slices.DeleteFunc(r.Missing, func(s int) bool {
				if slices.Contains(h.Shards, s) {
					take = append(take, s)
					return true
				}
				return false
			})
			if len(take) > 0 {
				r.Legs = addShards(r.Legs, Leg{Node: h.Node, Address: v.Nodes[h.Node].Address, Group: g, Shards: take})
			}
		}
	}
	sortLegs(r.Legs)
	return r
}

// addShards merges a leg into one for the same node, for a node is asked once.
func addShards(list []Leg, l Leg) []Leg {
	for i := range list {
		if list[i].Node == l.Node {
			list[i].Shards = append(list[i].Shards, l.Shards...)
			slices.Sort(list[i].Shards)
			return list
		}
	}
	return append(list, l)
}

// Replan covers the shards of a failed leg by other nodes; ErrUncovered when some have no other live copy.
func Replan(v *routing.View, ix *routing.Index, failed Leg, avoid Avoid) ([]Leg, error) {
	r := fill(v, ix, Read{Missing: slices.Clone(failed.Shards)}, v.ActiveGroups(), func(node string) bool {
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
