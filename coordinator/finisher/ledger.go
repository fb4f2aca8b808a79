package finisher

import (
	"time"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

const (
	// maxIDs bounds the dispatches asked for in one request.
	maxIDs = 500
	// doubtPause is how soon a node that does not know a dispatch is asked for it again.
	doubtPause = time.Second
	// tellPause is how soon it is told again, when it must be.
	tellPause = 5 * time.Second
)

// item is an open task and what is known about it.
type item struct {
	rec     task.Record
	answers map[string]Answer
	next    map[string]time.Time // per node: not to be asked before
	told    map[string]time.Time // per node: when it was last told again
	busy    bool                 // being finished
}

// ledger is what the finisher knows. One goroutine owns it.
type ledger struct {
	items map[uint32]*item
	order []uint32 // ascending
	done  map[uint32]bool
}

func newLedger() *ledger { return &ledger{items: map[uint32]*item{}, done: map[uint32]bool{}} }

// sync takes over the open tasks, oldest first; fresh says whether there are new ones.
func (l *ledger) sync(open []task.Record) (fresh bool) {
	listed := make(map[uint32]bool, len(open))
	l.order = l.order[:0]
	for _, r := range open {
		if len(r.Op) > 0 || len(r.Targets) == 0 {
			continue
		}
		listed[r.UID] = true
		if l.done[r.UID] {
			continue // the cache of tasks is a moment behind
		}
		it, known := l.items[r.UID]
		if !known {
			it = &item{answers: map[string]Answer{}, next: map[string]time.Time{}, told: map[string]time.Time{}}
			l.items[r.UID], fresh = it, true
		}
		it.rec = r
		l.order = append(l.order, r.UID)
	}
	for uid := range l.items {
		if !listed[uid] {
			delete(l.items, uid)
		}
	}
	for uid := range l.done {
		if !listed[uid] {
			delete(l.done, uid)
		}
	}
	return fresh
}

// questions lists the tasks that every live node is to be asked about now, oldest first.
func (l *ledger) questions(v *routing.View, now time.Time, skip map[string]bool) map[string][]uint32 {
	ask := map[string][]uint32{}
	for _, uid := range l.order {
		it, ok := l.items[uid]
		if !ok || it.busy {
			continue
		}
		for _, t := range it.rec.Targets {
			n, known := v.Nodes[t.Node]
			switch a := it.answers[t.Node]; {
			case t.Missed, !known, !n.Alive, a.Never, skip[t.Node], len(ask[t.Node]) >= maxIDs, now.Before(it.next[t.Node]),
				!a.Unknown && task.Final(a.Outcome.Status):
			default:
				ask[t.Node] = append(ask[t.Node], uid)
			}
		}
	}
	return ask
}

// dispatches are the ids under which nodes know tasks.
func (l *ledger) dispatches(uids []uint32) []string {
	ids := make([]string, len(uids))
	for i, uid := range uids {
		ids[i] = l.items[uid].rec.DispatchID()
	}
	return ids
}

// hear notes what a node said; moved says whether it is news.
func (l *ledger) hear(node string, uid uint32, a Answer, now time.Time) (moved bool) {
	it, ok := l.items[uid]
	if !ok {
		return false
	}
	old, heard := it.answers[node]
	a.Never = a.Unknown && (a.Never || old.Never)
	it.answers[node] = a
	if a.Unknown {
		it.next[node] = now.Add(doubtPause)
	}
	return !heard || old.Unknown != a.Unknown || old.Never != a.Never || old.Outcome.Status != a.Outcome.Status
}
