package finisher

import (
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/task"
)

// Limits of the finisher. Zero values take the defaults of the configuration page.
type Limits struct {
	// Arrival is how long after a task's acceptance one of its parts may still reach its node: the deadline of a write at
	// the sidecar, and some more. Default 6 min.
	Arrival time.Duration
	// Resend is how long after that a node without a trace of an index deletion is told again. Default 5 s.
	Resend time.Duration
	// LostAfter is how long a task waits for nodes that vanished with its only copies (TK-5). Default 24 h.
	LostAfter time.Duration
	// Unclaimed is how long a part that a node stopped may wait for the record to say which cancelation wanted that.
	// Default 10 s.
	Unclaimed time.Duration
	// Retention and MaxRecords bound the finished tasks that are kept (TK-9). Defaults 7 d and 50 000.
	Retention  time.Duration
	MaxRecords int
}

func (l Limits) withDefaults() Limits {
	if l.Arrival == 0 {
		l.Arrival = 6 * time.Minute
	}
	if l.Resend == 0 {
		l.Resend = 5 * time.Second
	}
	if l.LostAfter == 0 {
		l.LostAfter = 24 * time.Hour
	}
	if l.Unclaimed == 0 {
		l.Unclaimed = 10 * time.Second
	}
	if l.Retention == 0 {
		l.Retention = 7 * 24 * time.Hour
	}
	if l.MaxRecords == 0 {
		l.MaxRecords = 50_000
	}
	return l
}

// Answer is what a node said last about its part of a task.
type Answer struct {
	Outcome task.Outcome
	Unknown bool // it never had the dispatch, or does not remember
	Never   bool // it does not have it, and has written down that it will never take it
}

// Decision is what to do with a task now.
type Decision struct {
	Final  *task.Record // finished, to be recorded; nil: it stays open
	Never  []task.Target
	Behind map[string][]int // node → shards of which another node has the write and this one has not
	// Carried has the shards, by node, of which the write was carried out; only where somebody is behind.
	Carried map[string][]int
	Resend  []string // nodes that must be told again, ascending
}

// fate sorts the targets of a task.
type fate struct {
	outcomes []task.Outcome
	lost     []string // vanished after they had acknowledged, or at least were addressed
	never    []task.Target
	resend   []string
	waiting  bool // a live node has not said anything yet
}

// Decide applies the rules for the end of a task (TK-4, TK-5). answers holds what nodes said, by node.
func Decide(r task.Record, answers map[string]Answer, v *routing.View, now time.Time, l Limits) Decision {
	f := sift(r, answers, v, now, l)
	d := Decision{Resend: f.resend}
	if f.waiting || len(f.resend) > 0 {
		// Somebody has yet to speak, but a failure elsewhere must not be told before the others have ended either.
		return d
	}
	rest := r
	rest.Targets = slices.Clone(r.Targets)
	for i, t := range rest.Targets {
		rest.Targets[i].Missed = t.Missed || slices.Contains(f.lost, t.Node) || slices.ContainsFunc(f.never, sameNode(t.Node))
	}
	done := task.Aggregate(rest, f.outcomes)
	if f.stopped() {
		return stop(r, done, f, d, now, l)
	}
	switch {
	case len(f.outcomes) > 0 && !done.Done():
		return d
	case done.Done() && done.Status != task.Succeeded, done.Done() && reached(r, f.outcomes):
	case len(f.lost) == 0 && r.Type == task.IndexCreation:
		done.Finish(now, nil) // the catalog has it, so nodes make it by themselves
	case len(f.lost) == 0:
		done.Finish(now, apierr.New(apierr.MiroirNoQuorum, "The write never reached a copy of every shard. Sending it again is safe."))
	case now.Sub(r.EnqueuedAt) > l.LostAfter:
		done.Finish(now, apierr.New("miroir_replica_lost", "The nodes that held the only copies of this write did not come back."))
	default:
		return d
	}
	done.Canceling = nil
	done.Targets = missing(r.Targets, f.never)
	d.Final, d.Never, d.Behind = &done, f.never, behind(r, f)
	d.Carried = carriers(r, f, d.Behind)
	return d
}

// missing is the targets with those noted as missed that have not got the write.
func missing(targets, never []task.Target) []task.Target {
	out := slices.Clone(targets)
	for i, t := range out {
		out[i].Missed = t.Missed || slices.ContainsFunc(never, sameNode(t.Node))
	}
	return out
}

func sameNode(id string) func(task.Target) bool {
	return func(t task.Target) bool { return t.Node == id }
}

func sift(r task.Record, answers map[string]Answer, v *routing.View, now time.Time, l Limits) fate {
	var f fate
	age := now.Sub(r.EnqueuedAt)
	for _, t := range r.Targets {
		if t.Missed {
			continue
		}
		a, heard := answers[t.Node]
		n, known := v.Nodes[t.Node]
		switch gone := !known || n.State == routing.NodeRemoved || !n.Alive; {
		case heard && !a.Unknown && task.Final(a.Outcome.Status):
			f.outcomes = append(f.outcomes, a.Outcome)
		case gone:
			f.lost = append(f.lost, t.Node)
		case !heard:
			f.waiting = true
		case !a.Unknown:
			f.outcomes = append(f.outcomes, a.Outcome)
		case r.Type == task.IndexDeletion && age > l.Resend:
			f.resend = append(f.resend, t.Node)
		case r.Type != task.IndexDeletion && (a.Never || age > l.Arrival):
			f.never = append(f.never, t)
		default:
			f.waiting = true
		}
	}
	slices.Sort(f.resend)
	return f
}

// reached says whether every shard that the task addressed has a copy that succeeded (TK-4). One that was dirty when the write
// came does not count: it is made equal to the others.
func reached(r task.Record, outcomes []task.Outcome) bool {
	const wholeNode = -1
	reached := map[int]bool{}
	for _, t := range r.Targets {
		ok := slices.ContainsFunc(outcomes, func(o task.Outcome) bool {
			return o.Node == t.Node && (o.Status == task.Succeeded || r.Type == task.IndexDeletion && task.Final(o.Status))
		})
		shards := shardsIn(t)
		if len(shards) == 0 {
			shards = []int{wholeNode}
		}
		dirty, err := shardmap.ParseRanges(t.Dirty, shardmap.MaxShards)
		if err != nil {
			dirty = nil
		}
		for _, s := range shards {
			reached[s] = reached[s] || ok && !slices.Contains(dirty, s)
		}
	}
	for _, ok := range reached {
		if !ok {
			return false
		}
	}
	return len(reached) > 0
}
