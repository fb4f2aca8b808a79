package workload

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
)

// Recorder keeps the requests of a run as they end. It is for any number of goroutines.
type Recorder struct {
	began time.Time

	mu      sync.Mutex
	ops     []history.Op
	byTask  map[int64]int // place by Task of what has not ended yet
	changed chan struct{} // closed at the next request that ends, or task
}

// NewRecorder begins a run.
func NewRecorder() *Recorder {
	return &Recorder{began: time.Now(), byTask: map[int64]int{}, changed: make(chan struct{})}
}

// Now is the time since the run began.
func (r *Recorder) Now() int64 { return int64(time.Since(r.began)) }

// At is the time of a moment since the run began.
func (r *Recorder) At(moment time.Time) int64 { return int64(moment.Sub(r.began)) }

// Add records a request that has ended.
func (r *Recorder) Add(o history.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, o)
	if o.Task != 0 {
		r.byTask[o.Task] = len(r.ops) - 1
	}
	r.signal()
}

// End records that a task has ended, as a client learnt just now.
func (r *Recorder) End(t int64, status, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.byTask[t]
	if !ok {
		return
	}
	delete(r.byTask, t)
	r.ops[at].Seen, r.ops[at].Ended, r.ops[at].Reason = int64(time.Since(r.began)), status, reason
	r.signal()
}

func (r *Recorder) signal() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Open lists tasks that have not ended.
func (r *Recorder) Open() (open []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.byTask {
		open = append(open, t)
	}
	slices.Sort(open)
	return open
}

// Count is how many requests have ended.
func (r *Recorder) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// Wait returns when so many requests have ended, or ctx ends.
func (r *Recorder) Wait(ctx context.Context, count int) {
	for {
		r.mu.Lock()
		done, changed := len(r.ops) >= count, r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// IsOpen says whether a task has not ended.
func (r *Recorder) IsOpen(t int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, open := r.byTask[t]
	return open
}

// Ops returns the requests in the order of their beginning.
func (r *Recorder) Ops() []history.Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := slices.Clone(r.ops)
	slices.SortStableFunc(ops, func(a, b history.Op) int { return int(a.Start - b.Start) })
	return ops
}
