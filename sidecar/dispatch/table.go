package dispatch

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/sidecar/engine"
)

// Capacity is how many dispatches are remembered (WQ-9).
const Capacity = 100_000

// maxUncertain bounds the dispatches whose outcome is not known.
const maxUncertain = 10_000

// ErrUncertain marks an error after which the engine may or may not have taken the write.
var ErrUncertain = errors.New("outcome unknown")

// Outcome is what became of a dispatch.
type Outcome struct {
	TaskUID uint32
	Answer  []byte // the engine's answer to the write; nil when the dispatch was known already
}

// Table maps dispatch ids to engine tasks. It is safe for concurrent use.
type Table struct {
	engine   *engine.Client
	log      zerolog.Logger
	metrics  *Metrics
	capacity int
	writes   Writes
	vet      func(ctx context.Context, newest uint32) error
	ready    chan struct{} // closed when the engine's task list was read

	mu        sync.Mutex
	tasks     map[string]*list.Element
	order     *list.List // of entry, newest first
	flights   map[string]chan struct{}
	uncertain map[string]time.Time // when the write was sent
}

type entry struct {
	id  string
	uid uint32
}

// New returns a table. It holds writes back until Recover has finished.
func New(e *engine.Client, log zerolog.Logger, m *Metrics, capacity int) *Table {
	return &Table{
		engine: e, log: log, metrics: m, capacity: capacity, ready: make(chan struct{}), tasks: map[string]*list.Element{},
		order: list.New(), flights: map[string]chan struct{}{}, uncertain: map[string]time.Time{},
	}
}

// Do sends a write unless its dispatch is known. adopt may find the task of an earlier attempt that left no id; it may
// be nil. send must return ErrUncertain when it can not tell whether the engine took the write.
func (t *Table) Do(ctx context.Context, id string, adopt func(context.Context) (uint32, bool, error), send func(context.Context) (Outcome, error)) (Outcome, error) {
	select {
	case <-t.ready:
	case <-ctx.Done():
		return Outcome{}, context.Cause(ctx)
	}
	for {
		uid, known, wait, land := t.board(id)
		switch {
		case known:
			t.metrics.Deduplicated.Inc()
			return Outcome{TaskUID: uid}, nil
		case wait != nil:
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return Outcome{}, context.Cause(ctx)
			}
		}
		out, err := t.fly(ctx, id, adopt, send)
		land()
		return out, err
	}
}

// board finds a known outcome, a flight to wait for, or starts a flight that land ends.
func (t *Table) board(id string) (uid uint32, known bool, wait <-chan struct{}, land func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.tasks[id]; ok {
		t.order.MoveToFront(e)
		return entryOf(e).uid, true, nil, nil
	}
	if f, ok := t.flights[id]; ok {
		return 0, false, f, nil
	}
	done := make(chan struct{})
	t.flights[id] = done
	return 0, false, nil, func() {
		t.mu.Lock()
		delete(t.flights, id)
		t.mu.Unlock()
		close(done)
	}
}

// fly runs one attempt: look where the last one ended if that is not known, then send.
func (t *Table) fly(ctx context.Context, id string, adopt func(context.Context) (uint32, bool, error), send func(context.Context) (Outcome, error)) (Outcome, error) {
	if since, ok := t.doubt(id); ok {
		uid, found, err := t.search(ctx, id, since)
		if err != nil {
			return Outcome{}, err
		}
		t.settle(id)
		if found {
			t.metrics.Deduplicated.Inc()
			return Outcome{TaskUID: uid}, nil
		}
	}
	if adopt != nil {
		uid, found, err := adopt(ctx)
		if err != nil {
			return Outcome{}, err
		}
		if found {
			t.metrics.Deduplicated.Inc()
			t.Put(id, uid)
			return Outcome{TaskUID: uid}, nil
		}
	}
	sent := time.Now()
	out, err := send(ctx)
	switch {
	case err == nil:
		t.Put(id, out.TaskUID)
	case errors.Is(err, ErrUncertain):
		t.Doubt(id, sent)
	}
	return out, err
}

func (t *Table) doubt(id string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since, ok := t.uncertain[id]
	return since, ok
}

func (t *Table) settle(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.uncertain, id)
}

// Put remembers a dispatch as the newest.
func (t *Table) Put(id string, uid uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.tasks[id]; ok {
		e.Value = entry{id, uid}
		t.order.MoveToFront(e)
		return
	}
	t.tasks[id] = t.order.PushFront(entry{id, uid})
	if t.order.Len() > t.capacity {
		oldest := t.order.Back()
		t.order.Remove(oldest)
		delete(t.tasks, entryOf(oldest).id)
	}
	t.metrics.Known.Set(float64(t.order.Len()))
}

// putOld remembers a dispatch that is older than all known ones; false when there is no room.
func (t *Table) putOld(id string, uid uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.tasks[id]; ok {
		return true
	}
	if t.order.Len() >= t.capacity {
		return false
	}
	t.tasks[id] = t.order.PushBack(entry{id, uid})
	t.metrics.Known.Set(float64(t.order.Len()))
	return true
}

// find looks a dispatch up without touching its age.
func (t *Table) find(id string) (uint32, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.tasks[id]
	if !ok {
		return 0, false
	}
	return entryOf(e).uid, true
}

// forget drops a mapping that the engine contradicts.
func (t *Table) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.tasks[id]; ok {
		t.order.Remove(e)
		delete(t.tasks, id)
	}
}

func entryOf(e *list.Element) entry {
	v, _ := e.Value.(entry)
	return v
}
