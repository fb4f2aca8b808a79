package formation

import (
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
)

// Admissible lists the joining nodes that can become active at once, ascending: those that are alive, while no index
// exists yet. A node that joins later holds nothing until a rebalance gives it its share, so it stays joining.
func Admissible(v *routing.View) []string {
	if len(v.Indexes) > 0 {
		return nil
	}
	var ids []string
	for id, n := range v.Nodes {
		if n.State == routing.NodeJoining && n.OK {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
