package view

import (
	"cmp"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/task"
)

// Snapshot is the cluster at one moment. It must not be modified.
type Snapshot struct {
	Routing *routing.View
	Open    []task.Record // tasks that are not final, oldest first
}

// Status is a node's desired state, overruled by what is observed where that is worse.
type Status string

// Observed states. The desired ones are those of routing.NodeState.
const (
	StatusSuspect Status = "suspect" // its engine missed the last probe: it is read from only where no other node can answer
	StatusFailed  Status = "failed"  // its engine missed several probes, or its sidecar lost the lease

	// StatusCatchingUp is a node that is up and has dirty copies: they serve no reads until they are repaired.
	StatusCatchingUp Status = "catching_up"
)

// Status says how a node stands, its copies included.
func (s Snapshot) Status(n routing.Node) Status {
	status := StatusOf(n)
	if status == Status(routing.NodeActive) && s.Behind(n.ID) {
		return StatusCatchingUp
	}
	return status
}

// Behind says whether a node has dirty copies.
func (s Snapshot) Behind(node string) bool {
	for _, ix := range s.Routing.Indexes {
		for _, shard := range ix.HeldBy(node) {
			if ix.Dirty(shard, node) {
				return true
			}
		}
	}
	return false
}

// StatusOf says how a node stands.
func StatusOf(n routing.Node) Status {
	switch {
	case n.State == routing.NodeRemoved:
		return Status(n.State)
	case !n.OK:
		return StatusFailed
	case n.Suspect:
		return StatusSuspect
	default:
		return Status(n.State)
	}
}

// Formed says whether the cluster's shape is written down.
func (s Snapshot) Formed() bool { return s.Routing.Cluster.V != 0 && len(s.Routing.Groups) > 0 }

// Copies counts the shard copies that every node holds by the placements, over all indexes.
func (s Snapshot) Copies() map[string]int {
	held := make(map[string]int, len(s.Routing.Nodes))
	for _, ix := range s.Routing.Indexes {
		for _, byShard := range ix.Placement.Groups {
			for _, copies := range byShard {
				for _, c := range copies {
					held[c.Node]++
				}
			}
		}
	}
	return held
}

// InFlight counts the parts of open tasks that every node still has to finish.
func (s Snapshot) InFlight() map[string]int {
	parts := map[string]int{}
	for _, r := range s.Open {
		for _, t := range r.Targets {
			if !t.Missed {
				parts[t.Node]++
			}
		}
	}
	return parts
}

// Gap names shards of an index that a group can not answer for.
type Gap struct {
	Index  string `json:"index"`
	Group  int    `json:"group"`
	Shards []int  `json:"shards"` // ascending
}

// Gaps lists what active groups can not answer for at the moment, by index and group.
func (s Snapshot) Gaps() []Gap {
	var gaps []Gap
	for _, uid := range s.Routing.UIDs {
		ix := s.Routing.Indexes[uid]
		for _, g := range s.Routing.ActiveGroups() {
			if missing := Uncovered(ix.Shards, s.Routing.Holders(ix, g, nil)); len(missing) > 0 {
				gaps = append(gaps, Gap{uid, g, missing})
			}
		}
	}
	return gaps
}

// FullyCovered says whether every index has an active group that can answer for all of its shards.
func (s Snapshot) FullyCovered() bool {
	groups := len(s.Routing.ActiveGroups())
	short := map[string]int{}
	for _, g := range s.Gaps() {
		short[g.Index]++
	}
	for _, n := range short {
		if n == groups {
			return false
		}
	}
	return groups > 0
}

// Uncovered lists the shards that no holder has, ascending.
func Uncovered(shards int, holders []shardmap.Holder) []int {
	have := make([]bool, shards)
	for _, h := range holders {
		for _, s := range h.Shards {
			if s >= 0 && s < shards {
				have[s] = true
			}
		}
	}
	var missing []int
	for s, ok := range have {
		if !ok {
			missing = append(missing, s)
		}
	}
	return missing
}

// Nodes lists all nodes by id, removed ones included.
func (s Snapshot) Nodes() []routing.Node {
	return slices.SortedFunc(maps.Values(s.Routing.Nodes), func(a, b routing.Node) int { return cmp.Compare(a.ID, b.ID) })
}
