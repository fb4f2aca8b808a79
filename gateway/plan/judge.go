package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/shardmap"
)

// Acks are what the nodes said to a write. What a node is in neither of, it surely does not have.
type Acks struct {
	Acked  map[string]bool // the engine enqueued it
	Unsure map[string]bool // no answer that says whether it did
}

// Verdict is what a write's acknowledgements amount to.
type Verdict struct {
	FailedShards   []int            // no active group met quorum, ascending
	DegradedGroups []int            // groups that missed quorum for some shard, ascending
	DegradedShards []int            // some group missed quorum, or needed fewer copies because others are failed (WQ-5), ascending
	Missed         map[string][]int // node → shards whose write it did not acknowledge
	Mark           map[string][]int // node → shards whose copies must be marked dirty
	Keep           map[int]string   // shard → node whose copy stays complete; Mark holds only while it does
}

// Accepted says whether the write succeeded for every shard (WQ-3).
func (v Verdict) Accepted() bool { return len(v.FailedShards) == 0 }

// Judge applies the quorum rules WQ-2, WQ-3, WQ-5 and WQ-6. dirty says what the store knows of a copy; nil goes by the view.
//
// Only complete copies count, so what was accepted is on one. The marks keep complete copies alike and never leave a shard
// without one: where a complete copy has the write, those without it are marked; where none has, those that may have it are.
func (w Write) Judge(acks Acks, dirty func(shard int, node string) bool) Verdict {
	out := Verdict{Missed: map[string][]int{}, Mark: map[string][]int{}, Keep: map[int]string{}}
	degraded := map[int]bool{}
	for _, shard := range slices.Sorted(maps.Keys(w.Copies)) {
		copies := slices.Clone(w.Copies[shard])
		for i, c := range copies {
			if dirty != nil {
				copies[i].Dirty = dirty(shard, c.Node)
			}
			if !acks.Acked[c.Node] {
				out.Missed[c.Node] = append(out.Missed[c.Node], shard)
			}
		}
		met, fewer := false, false
		for g, isActive := range w.active {
			if !w.quorum(g, copies, acks) {
				degraded[g], fewer = true, true
				continue
			}
			met, fewer = met || isActive, fewer || w.lowered(g, copies, acks)
		}
		if !met {
			out.FailedShards = append(out.FailedShards, shard)
		}
		if fewer {
			out.DegradedShards = append(out.DegradedShards, shard)
		}
		keep, mark := marks(copies, acks)
		if len(mark) > 0 && keep != "" {
			out.Keep[shard] = keep
		}
		for _, node := range mark {
			out.Mark[node] = append(out.Mark[node], shard)
		}
	}
	out.DegradedGroups = slices.SortedFunc(maps.Keys(degraded), cmp.Compare)
	return out
}

// First is the active group that was the first to meet quorum for every shard, given the nodes in the order in which they
// acknowledged; the lowest of several. ok is false when none did by itself.
func (w Write) First(acked []string) (group int, ok bool) {
	groups := slices.Sorted(maps.Keys(w.active))
	so := Acks{Acked: map[string]bool{}}
	for _, node := range acked {
		so.Acked[node] = true
		for _, g := range groups {
			if w.active[g] && w.whole(g, so) {
				return g, true
			}
		}
	}
	return 0, false
}

// whole says whether a group met quorum for every shard, going by the view.
func (w Write) whole(group int, acks Acks) bool {
	for _, copies := range w.Copies {
		if !w.quorum(group, copies, acks) {
			return false
		}
	}
	return true
}

// quorum says whether enough complete copies of a group have the write. One that has it is up, whatever was last heard.
func (w Write) quorum(group int, copies []Copy, acks Acks) bool {
	counting, acked := 0, 0
	for _, c := range copies {
		has := acks.Acked[c.Node]
		c.Up = c.Up || has
		if c.Group != group || !c.counts(c.Dirty) {
			continue
		}
		if counting++; has {
			acked++
		}
	}
	return counting > 0 && acked >= w.need(group, counting)
}

// need is how many of a group's complete copies that live must have a write.
func (w Write) need(group, complete int) int {
	if w.Strict {
		return shardmap.NeedConfigured(w.rf[group])
	}
	return shardmap.Need(w.rf[group], complete)
}

// lowered says whether a group that met quorum did so with fewer copies than are configured, because others are failed. A dirty copy
// that took the write has it, though it does not count.
func (w Write) lowered(group int, copies []Copy, acks Acks) bool {
	acked := 0
	for _, c := range copies {
		if c.Group == group && c.Complete && acks.Acked[c.Node] {
			acked++
		}
	}
	return acked < shardmap.NeedConfigured(w.rf[group])
}

// marks chooses which copies of a shard become, or stay, dirty, and names one that stays complete.
func marks(copies []Copy, acks Acks) (keep string, mark []string) {
	clean := func(c Copy) bool { return c.Complete && !c.Dirty }
	first := func(fits func(Copy) bool) string {
		if i := slices.IndexFunc(copies, fits); i >= 0 {
			return copies[i].Node
		}
		return ""
	}
	except := func(stays func(Copy) bool) (list []string) {
		for _, c := range copies {
			if !stays(c) {
				list = append(list, c.Node)
			}
		}
		return list
	}
	has := func(c Copy) bool { return acks.Acked[c.Node] }
	without := func(c Copy) bool { return !acks.Acked[c.Node] && !acks.Unsure[c.Node] }
	if keep = first(func(c Copy) bool { return clean(c) && has(c) }); keep != "" {
		return keep, except(has)
	}
	if keep = first(func(c Copy) bool { return clean(c) && without(c) && c.Up }); keep != "" {
		return keep, except(without)
	}
	if keep = first(func(c Copy) bool { return clean(c) && c.Up }); keep != "" { // it may have the write or not
		return keep, except(func(c Copy) bool { return c.Node == keep })
	}
	if keep = first(func(c Copy) bool { return clean(c) && without(c) }); keep != "" {
		return keep, except(without)
	}
	if keep = first(clean); keep != "" {
		return keep, except(func(c Copy) bool { return c.Node == keep })
	}
	if !slices.ContainsFunc(copies, func(c Copy) bool { return !without(c) }) {
		return "", nil // nobody has anything new
	}
	return "", except(has)
}
