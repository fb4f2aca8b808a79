package repair

import (
	"cmp"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
)

// Job is what is copied from one node.
type Job struct {
	Source string    `json:"source"` // empty: the copy itself counts as complete
	Mode   string    `json:"mode,omitempty"`
	Shards string    `json:"shards"`
	From   hlc.Stamp `json:"from,omitempty"`
}

// candidate is another copy of a shard.
type candidate struct {
	node  string
	near  bool // in the same group
	up    bool
	dirty bool
	mark  state.Mark // when dirty
}

// plan chooses where the dirty copies of an index on a node are repaired from. waiting lists shards of which no complete
// copy can be reached.
func plan(v *routing.View, ix *routing.Index, node string, marks []state.Mark) (jobs []Job, waiting []int) {
	byShard := map[int]map[string]state.Mark{}
	for _, m := range marks {
		if byShard[m.Shard] == nil {
			byShard[m.Shard] = map[string]state.Mark{}
		}
		byShard[m.Shard][m.Node] = m
	}
	type task struct{ source, mode string }
	shards := map[task][]int{}
	from := map[task]hlc.Stamp{}
	load := map[string]int{}
	for _, shard := range slices.Sorted(maps.Keys(byShard)) {
		mine, dirty := byShard[shard][node]
		if !dirty || !holds(ix, shard, node) {
			continue
		}
		source, ok := choose(candidates(v, ix, shard, node, byShard[shard]), mine, load)
		if !ok {
			waiting = append(waiting, shard)
			continue
		}
		t := task{source: source}
		if source != "" {
			load[source]++
			if t.mode = nodeapi.RepairChanges; mine.Record.Whole || mine.Record.From == 0 {
				t.mode = nodeapi.RepairWhole
			}
		}
		if from[t] == 0 || mine.Record.From < from[t] {
			from[t] = mine.Record.From
		}
		shards[t] = append(shards[t], shard)
	}
	for t, list := range shards {
		job := Job{Source: t.source, Mode: t.mode, Shards: shardmap.FormatRanges(list)}
		if t.mode == nodeapi.RepairChanges {
			job.From = from[t]
		}
		jobs = append(jobs, job)
	}
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Mode, b.Mode)) })
	return jobs, waiting
}

// holds says whether the node has a copy of the shard that is not under construction: such a one is its builder's business.
func holds(ix *routing.Index, shard int, node string) bool {
	for _, byShard := range ix.Placement.Groups {
		if shard >= len(byShard) {
			continue
		}
		for _, c := range byShard[shard] {
			if c.Node == node && c.State != routing.CopyBuilding {
				return true
			}
		}
	}
	return false
}

// candidates lists the other copies of a shard, by group and rank.
func candidates(v *routing.View, ix *routing.Index, shard int, node string, marks map[string]state.Mark) (list []candidate) {
	own := v.Nodes[node].ReplicaGroup
	for _, group := range slices.Sorted(maps.Keys(ix.Placement.Groups)) {
		byShard := ix.Placement.Groups[group]
		if shard >= len(byShard) {
			continue
		}
		for _, c := range byShard[shard] {
			n, known := v.Nodes[c.Node]
			if c.Node == node || c.State == routing.CopyBuilding || !known || n.State == routing.NodeRemoved {
				continue
			}
			mark, dirty := marks[c.Node]
			list = append(list, candidate{node: c.Node, near: group == own, up: n.OK, dirty: dirty, mark: mark})
		}
	}
	return list
}

// choose picks the source of a shard: the complete copy that is near and has the least to do. Where all copies are dirty and
// none knows more than this one, the own copy counts as complete (source ""). One that is down and was dirty before this one is
// not waited for: all that was accepted until this one became dirty is here. Where this one lost its data all must be up.
func choose(list []candidate, mine state.Mark, load map[string]int) (source string, ok bool) {
	complete := slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return c.dirty || !c.up })
	if len(complete) > 0 {
		best := slices.MinFunc(complete, func(a, b candidate) int {
			return cmp.Or(-compareBool(a.near, b.near), cmp.Compare(load[a.node], load[b.node]), cmp.Compare(a.node, b.node))
		})
		return best.node, true
	}
	for _, c := range list {
		less := c.mark.Record.From < mine.Record.From && !mine.Record.Whole
		if !c.dirty || !c.up && !less || knowsMore(c.mark, mine) {
			return "", false
		}
	}
	return "", true
}

// knowsMore says which of two dirty copies was complete for longer.
func knowsMore(a, b state.Mark) bool {
	return cmp.Or(-compareBool(a.Record.Whole, b.Record.Whole), cmp.Compare(a.Record.From, b.Record.From), cmp.Compare(b.Node, a.Node)) > 0
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
