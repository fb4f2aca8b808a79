package finisher

import (
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// marking decides which copies become, or stay, dirty when a write ended differently on the copies of shards: behind lists
// those without it by node, carried those with it. Complete copies stay alike, and a shard keeps one. Where a complete copy has the
// write, those without it are marked. Where only dirty ones have it, the complete ones are right: those with it are made equal to
// them, and get a new marker, for a repair may have passed by. placed is nil when the index is not known here.
func marking(placed *routing.Index, behind, carried map[string][]int, dirty state.DirtyFunc) state.Marking {
	m := state.Marking{Nodes: map[string][]int{}, Keep: map[int]string{}}
	for node, shards := range behind {
		for _, shard := range shards {
			if placed == nil {
				m.Nodes[node] = append(m.Nodes[node], shard)
				continue
			}
			without, with := complete(placed, shard, carried, dirty)
			switch {
			case with != "":
				m.Keep[shard] = with
				m.Nodes[node] = append(m.Nodes[node], shard)
			case without == "": // the fullest of them is elected, when it is known which one that is
				m.Nodes[node] = append(m.Nodes[node], shard)
			default:
				m.Keep[shard] = without
				for other, has := range carried {
					if slices.Contains(has, shard) && !slices.Contains(m.Nodes[other], shard) {
						m.Nodes[other] = append(m.Nodes[other], shard)
					}
				}
			}
		}
	}
	return m
}

// complete finds complete copies of a shard: one that carried the write out, and one that did not; empty for none.
func complete(placed *routing.Index, shard int, carried map[string][]int, dirty state.DirtyFunc) (without, with string) {
	for _, byShard := range placed.Placement.Groups {
		if shard >= len(byShard) {
			continue
		}
		for _, c := range byShard[shard] {
			switch {
			case c.State == routing.CopyBuilding || dirty(shard, c.Node):
			case slices.Contains(carried[c.Node], shard):
				with = max(with, c.Node)
			default:
				without = max(without, c.Node)
			}
		}
	}
	return without, with
}
