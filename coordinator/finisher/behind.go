package finisher

import (
	"slices"

	"github.com/miroir-search/miroir/internal/task"
)

// behind lists the copies that lack what others have, by node: a part never arrived, or ended otherwise than elsewhere.
// What was missed from the start the gateway has marked.
func behind(r task.Record, f fate) map[string][]int {
	switch r.Type {
	case task.DocumentAddition, task.DocumentDeletion, task.DocumentEdition:
	default:
		return nil
	}
	carried := shardsOf(r, f.outcomes, func(o task.Outcome) bool { return o.Status == task.Succeeded })
	lacks := map[string][]int{}
	for _, t := range r.Targets {
		without := slices.ContainsFunc(f.never, sameNode(t.Node)) ||
			slices.ContainsFunc(f.outcomes, func(o task.Outcome) bool { return o.Node == t.Node && o.Status != task.Succeeded })
		if t.Missed || !without {
			continue
		}
		if shards := slices.DeleteFunc(shardsIn(t), func(s int) bool { return !carried[s] }); len(shards) > 0 {
			lacks[t.Node] = shards
		}
	}
	return lacks
}

// carriers lists what was carried out, by node, where a copy is behind.
func carriers(r task.Record, f fate, behind map[string][]int) map[string][]int {
	if len(behind) == 0 {
		return nil
	}
	carried := map[string][]int{}
	for _, t := range r.Targets {
		if slices.ContainsFunc(f.outcomes, func(o task.Outcome) bool { return o.Node == t.Node && o.Status == task.Succeeded }) {
			carried[t.Node] = shardsIn(t)
		}
	}
	return carried
}
