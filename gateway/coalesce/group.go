package coalesce

import (
	"context"
	"sync"
	"time"

	"github.com/miroir-search/miroir/internal/tuning"
)

// Key names equal requests.
type Key [32]byte

// Options are what a Group works with.
type Options struct {
	Tuning  func() *tuning.Live // the values that count now
	Now     func() time.Time
	Metrics *Metrics
}

// Group is the runs that may be joined. It is safe for concurrent use. A nil Group shares nothing.
type Group[T any] struct {
	Options
	mu   sync.Mutex // held for a look into the map and the runs
	runs map[Key]*run[T]
}

// New returns a group without runs.
func New[T any](o Options) *Group[T] { return &Group[T]{Options: o, runs: map[Key]*run[T]{}} }

// run is one run of the work.
type run[T any] struct {
	key     Key
	began   time.Time
	joined  int           // so far
	waiting int           // of these, still there
	led     bool          // the client that leads is still there
	ended   chan struct{} // made by the first who joins
	cancel  context.CancelFunc
	value   T
	shared  bool // value is for everybody
}

// Do returns what work returns, or what it returned for an equal request. work says whether its answer may be shared; its
// context ends when everybody who waits for it has left. ok is false when ctx ended before there was an answer.
func (g *Group[T]) Do(ctx context.Context, key Key, work func(context.Context) (T, bool)) (value T, ok bool) {
	if g == nil {
		value, _ = work(ctx)
		return value, true
	}
	q := &g.Tuning().QueryCoalescing
	if !q.Enabled {
		value, _ = work(ctx)
		return value, true
	}
	now := g.Now()
	g.mu.Lock()
	r := g.runs[key]
	switch {
	case r != nil && now.Sub(r.began) <= q.Window() && r.joined < q.MaxSubscribers:
		r.join()
		g.mu.Unlock()
		g.Metrics.subscribers.Inc()
		return g.follow(ctx, r, work)
	case r == nil && len(g.runs) >= q.MaxPendingQueries:
		g.mu.Unlock()
		value, _ = work(ctx)
		return value, true
	}
	r = &run[T]{key: key, began: now, led: true}
	g.runs[key] = r // a run whose window is over goes on without a name
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	g.mu.Unlock()
	return g.lead(ctx, detached, r, work)
}

// join counts somebody who waits. The lock is held.
func (r *run[T]) join() {
	if r.ended == nil {
		r.ended = make(chan struct{})
	}
	r.joined++
	r.waiting++
}

// lead runs the work for everybody.
func (g *Group[T]) lead(ctx, detached context.Context, r *run[T], work func(context.Context) (T, bool)) (T, bool) {
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		r.led = false
		g.leave(r)
	})
	defer func() {
		stop()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.forget(r)
		if r.ended != nil {
			close(r.ended)
		}
		r.cancel()
	}()
	value, shared := work(detached)
	g.mu.Lock()
	r.value, r.shared = value, shared
	g.mu.Unlock()
	return value, true
}

// leave ends the work when nobody waits for it any more. The lock is held.
func (g *Group[T]) leave(r *run[T]) {
	if !r.led && r.waiting == 0 {
		g.forget(r)
		r.cancel()
	}
}

// forget keeps others from joining a run. The lock is held.
func (g *Group[T]) forget(r *run[T]) {
	if g.runs[r.key] == r {
		delete(g.runs, r.key)
	}
}

// follow waits for the answer of a run that was joined.
func (g *Group[T]) follow(ctx context.Context, r *run[T], work func(context.Context) (T, bool)) (value T, ok bool) {
	select {
	case <-r.ended:
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		r.waiting--
		g.leave(r)
		return value, false
	}
	if r.shared {
		g.Metrics.hits.Inc()
		return r.value, true
	}
	value, _ = work(ctx)
	return value, true
}
