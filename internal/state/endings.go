package state

import (
	"cmp"
	"slices"

	"github.com/miroir-search/miroir/internal/task"
)

// ending is when a task ended, as a revision of the store.
type ending struct {
	revision int64
	uid      uint32
}

// endings are those of the tasks in the cache, in order. Tasks that were forgotten since may still be in it.
type endings []ending

// after is where the endings after a revision begin.
func (e endings) after(revision int64) int {
	at, _ := slices.BinarySearchFunc(e, revision+1, func(one ending, r int64) int { return cmp.Compare(one.revision, r) })
	return at
}

// Ended is a finished task with the revision of the store at which it ended. No two have the same: a transaction ends one task.
type Ended struct {
	task.Record
	Revision int64
}

// EndedAfter lists tasks that ended after a revision, in the order in which they did, no more than most. A task that was deleted
// since is left out.
func (w *TaskWatch) EndedAfter(revision int64, most int) []Ended {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var list []Ended
	for _, e := range w.ended[w.ended.after(revision):] {
		if len(list) >= most {
			break
		}
		if r, known := w.byUID[e.uid]; known {
			list = append(list, Ended{*r, e.revision})
		}
	}
	return list
}

// CountEndedAfter is how many tasks ended after a revision, about: some may be deleted.
func (w *TaskWatch) CountEndedAfter(revision int64) int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.ended) - w.ended.after(revision)
}

// end notes endings, which must be all up to the newest of them: whoever has read an ending never finds an older one later.
// Those that are known already are left out.
func (w *TaskWatch) end(list []ending) {
	if len(list) == 0 {
		return
	}
	order := func(a, b ending) int { return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.uid, b.uid)) }
	slices.SortFunc(list, order)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range list {
		if at, known := slices.BinarySearchFunc(w.ended, e, order); !known {
			w.ended = slices.Insert(w.ended, at, e)
		}
	}
	if len(w.ended) > 2*len(w.uids)+1000 {
		w.ended = slices.DeleteFunc(w.ended, func(e ending) bool {
			_, known := w.byUID[e.uid]
			return !known
		})
	}
}
