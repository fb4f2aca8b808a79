package serve

import (
	"sync"

	"github.com/miroir-search/miroir/internal/task"
)

// told remembers the ends of tasks that clients heard of from the nodes before they were recorded (TK-7), so that a list
// does not take back what was said about a single task a moment ago. It is this gateway's memory only: the record is what
// counts as soon as there is one.
type told struct {
	mu    sync.Mutex
	tasks map[uint32]task.Record
}

// maxTold bounds the memory. Most entries live for milliseconds, so there is no need to choose what to forget.
const maxTold = 10_000

// tell remembers a task if it has ended.
func (t *told) tell(r task.Record) {
	if !r.Done() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tasks == nil || len(t.tasks) >= maxTold {
		t.tasks = map[uint32]task.Record{}
	}
	t.tasks[r.UID] = r
}

// latest is the record, or what was told of the task since.
func (t *told) latest(r *task.Record) *task.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tasks) == 0 {
		return r
	}
	ended, ok := t.tasks[r.UID]
	switch {
	case !ok:
		return r
	case r.Done():
		delete(t.tasks, r.UID)
		return r
	}
	return &ended
}
