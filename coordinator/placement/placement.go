package placement

import (
	"fmt"
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Target places an index of so many shards on the groups that take writes, as a new index would be placed now.
func Target(v *routing.View, shards int) (map[int]shardmap.Owners, error) {
	total := 0
	target := make(map[int]shardmap.Owners, len(v.Groups))
	for _, g := range v.Groups {
		if g.State != routing.GroupActive && g.State != routing.GroupInitializing {
			continue
		}
		owners, err := shardmap.Place(shards, g.RF, Receivers(v, g.ID))
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", g.ID, err)
		}
		target[g.ID] = owners
		total += shards * g.RF
	}
	if total > shardmap.MaxPlacementCopies {
		return nil, fmt.Errorf("%d copies, at most %d can be placed", total, shardmap.MaxPlacementCopies)
	}
	return target, nil
}

// Receivers lists the nodes of a group that may be given copies, ascending. A draining node keeps what it has and gets
// nothing new.
func Receivers(v *routing.View, group int) []string {
	return slices.DeleteFunc(v.NodesOf(group), func(id string) bool { return v.Nodes[id].State != routing.NodeActive })
}

// Move is one copy that stands somewhere else than it belongs.
type Move struct {
	Group, Shard int
	To           string // node that should hold a copy and does not
	From         string // node that holds one and should not; empty when a copy is missing
}

// Drift lists the moves between the recorded placement of an index and its target, by group and shard. No drift is nil.
// A group that can not be placed at all, for it has too few nodes, is left out: moving copies would not help it.
func Drift(v *routing.View, ix *routing.Index) []Move {
	var moves []Move
	for _, g := range v.Groups {
		if g.State != routing.GroupActive && g.State != routing.GroupInitializing {
			continue
		}
		owners, err := shardmap.Place(ix.Shards, g.RF, Receivers(v, g.ID))
		if err != nil {
			continue
		}
		recorded := ix.Placement.Groups[g.ID]
		for shard, want := range owners {
			var have []routing.Copy
			if shard < len(recorded) {
				have = recorded[shard]
			}
			moves = append(moves, shardMoves(g.ID, shard, want, have)...)
		}
	}
	return moves
}

// shardMoves pairs the copies of a shard that are missing with those that are too many.
func shardMoves(group, shard int, want []string, have []routing.Copy) []Move {
	var missing, surplus []string
	for _, n := range want {
		if !slices.ContainsFunc(have, func(c routing.Copy) bool { return c.Node == n }) {
			missing = append(missing, n)
		}
	}
	for _, c := range have {
		if !slices.Contains(want, c.Node) {
			surplus = append(surplus, c.Node)
		}
	}
	slices.Sort(missing)
	slices.Sort(surplus)
	var moves []Move
	for i := range max(len(missing), len(surplus)) {
		m := Move{Group: group, Shard: shard}
		if i < len(missing) {
			m.To = missing[i]
		}
		if i < len(surplus) {
			m.From = surplus[i]
		}
		moves = append(moves, m)
	}
	return moves
}
