package routing

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/miroir-search/miroir/internal/shardmap"
)

// memo keeps what every read of an index needs anew: its holders by group, and covering sets by group and folded seed.
// The view's indexes share one budget for covering sets.
type memo struct {
	holders, covers sync.Map
	budget          *atomic.Int64
}

// coverBudget bounds the covering sets that a view remembers: 16 MiB, counted as shards of eight bytes.
const coverBudget = 16 << 20 / 8

// legCost is what a leg of a covering set takes beside its shards, as shards.
const legCost = 8

type coverKey struct {
	group int
	seed  uint64
}

// cover is a covering set with the shards that it lacks.
type cover struct {
	legs    []shardmap.Cover
	missing []int
}

// Holders lists which nodes of a group may answer reads for which shards of the index: complete copies, not dirty, on
// nodes that are up. A suspect node holds only what no other node of the group can answer for (NS-2). avoid names nodes to
// leave out as if they were down; it may be nil. The result must not be modified.
func (v *View) Holders(ix *Index, group int, avoid func(node string) bool) []shardmap.Holder {
	if ix.memo == nil || avoid != nil {
		return v.holders(ix, group, avoid)
	}
	if known, ok := ix.memo.holders.Load(group); ok {
		list, _ := known.([]shardmap.Holder)
		return list
	}
	list := v.holders(ix, group, nil)
	ix.memo.holders.Store(group, list)
	return list
}

// Cover is the covering set of a group for all shards of the index, see shardmap.CoveringSet. It is found once in the life
// of the view for each seed that matters. avoid is as for Holders. The result must not be modified.
func (v *View) Cover(ix *Index, group int, seed uint64, avoid func(node string) bool) (legs []shardmap.Cover, missing []int) {
	holders := v.Holders(ix, group, avoid)
	if ix.memo == nil || avoid != nil {
		return shardmap.CoveringSet(ix.Shards, holders, seed)
	}
	key := coverKey{group, shardmap.FoldSeed(seed, len(holders))}
	if known, ok := ix.memo.covers.Load(key); ok {
		c, _ := known.(cover)
		return c.legs, c.missing
	}
	legs, missing = shardmap.CoveringSet(ix.Shards, holders, seed)
	if ix.memo.budget.Add(int64(-ix.Shards-legCost*len(legs))) >= 0 {
		ix.memo.covers.Store(key, cover{legs, missing})
	}
	return legs, missing
}

func (v *View) holders(ix *Index, group int, avoid func(node string) bool) []shardmap.Holder {
	byNode := map[string][]int{}
	var able []string
	for s, copies := range ix.Placement.Groups[group] {
		able = able[:0]
		sound := false
		for _, c := range copies {
			if c.State == CopyBuilding || ix.Dirty(s, c.Node) {
				continue
			}
			n, ok := v.Nodes[c.Node]
			if !ok || !n.OK || (avoid != nil && avoid(c.Node)) {
				continue
			}
			able, sound = append(able, c.Node), sound || !n.Suspect
		}
		for _, id := range able {
			if !sound || !v.Nodes[id].Suspect {
				byNode[id] = append(byNode[id], s)
			}
		}
	}
	holders := make([]shardmap.Holder, 0, len(byNode))
	for n, s := range byNode {
		holders = append(holders, shardmap.Holder{Node: n, Shards: s})
	}
	slices.SortFunc(holders, func(a, b shardmap.Holder) int {
		if a.Node < b.Node {
			return -1
		}
		return 1
	})
	return holders
}
