package finisher

import (
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/task"
)

// stopped says whether a node stopped its part of the task.
func (f *fate) stopped() bool {
	return slices.ContainsFunc(f.outcomes, func(o task.Outcome) bool { return o.Status == task.Canceled })
}

// stop decides about a task that was stopped on some of its nodes. done is what aggregation makes of it. Engines stop
// independently of each other, so copies of a shard may differ now: where one has carried the task out, the others missed
// it and are repaired from it. A shard that no copy carried out stays as it was.
func stop(r, done task.Record, f fate, d Decision, now time.Time, l Limits) Decision {
	if !done.Done() {
		return d
	}
	carried := shardsOf(r, f.outcomes, func(o task.Outcome) bool { return o.Status == task.Succeeded })
	answered := shardsOf(r, f.outcomes, func(task.Outcome) bool { return true })
	open := false // whether a shard has only copies on nodes that are away: they may carry it out when they return
	for _, t := range r.Targets {
		for _, s := range shardsIn(t) {
			open = open || slices.Contains(f.lost, t.Node) && !answered[s]
		}
	}
	if open && now.Sub(r.EnqueuedAt) <= l.LostAfter {
		return d
	}
	whole := done.Status == task.Succeeded && reached(r, f.outcomes)
	if done.Status == task.Succeeded && !whole {
		done.Status = task.Canceled
	}
	if done.Status == task.Canceled && r.Canceling == nil && now.Sub(*done.FinishedAt) <= l.Unclaimed {
		return d // the cancelation is not on record here yet
	}
	d.Behind = map[string][]int{}
	for _, t := range r.Targets {
		away := slices.Contains(f.lost, t.Node)
		without := away || slices.ContainsFunc(f.never, sameNode(t.Node)) ||
			slices.ContainsFunc(f.outcomes, func(o task.Outcome) bool { return o.Node == t.Node && o.Status == task.Canceled })
		if t.Missed || !without {
			continue
		}
		behind := slices.DeleteFunc(shardsIn(t), func(s int) bool { return !carried[s] && (!away || !answered[s]) })
		if len(behind) > 0 {
			d.Never = append(d.Never, task.Target{Node: t.Node, Group: t.Group, Shards: shardmap.FormatRanges(behind)})
			d.Behind[t.Node] = behind
		}
	}
	done.CanceledBy, done.Canceling = nil, nil
	if done.Status == task.Canceled {
		done.CanceledBy = r.Canceling
	}
	done.Targets = missing(r.Targets, d.Never)
	d.Final = &done
	d.Carried = carriers(r, f, d.Behind)
	return d
}

// shardsOf lists the shards of the targets whose outcome passes.
func shardsOf(r task.Record, outcomes []task.Outcome, pass func(task.Outcome) bool) map[int]bool {
	shards := map[int]bool{}
	for _, t := range r.Targets {
		if slices.ContainsFunc(outcomes, func(o task.Outcome) bool { return o.Node == t.Node && pass(o) }) {
			for _, s := range shardsIn(t) {
				shards[s] = true
			}
		}
	}
	return shards
}

// shardsIn lists the shards of a target.
func shardsIn(t task.Target) []int {
	shards, err := shardmap.ParseRanges(t.Shards, shardmap.MaxShards)
	if err != nil {
		return nil
	}
	return shards
}
