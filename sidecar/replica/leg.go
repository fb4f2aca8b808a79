package replica

import (
	"context"
	"errors"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// Leg is a client's leg on its way to the engine. One goroutine uses it.
type Leg struct {
	r       *Replica
	header  journal.Leg
	w       *journal.Writer
	careful bool // something newer may be here
	dropped int
	done    bool
}

// Begin starts a leg. A write that is too old to be put in order is journal.ErrStale; so is one that names no document
// and is older than anything here. A leg without a stamp gets one.
func (r *Replica) Begin(ctx context.Context, index, write string, stamp hlc.Stamp, kind guard.Kind) (*Leg, error) {
	if err := r.accounted(ctx); err != nil {
		return nil, err
	}
	if stamp == 0 {
		stamp = r.Clock.Next()
	}
	if err := r.retract(write); err != nil {
		return nil, err
	}
	l := &Leg{r: r, header: journal.Leg{Index: index, Write: write, Stamp: stamp, Kind: kind, Via: journal.Direct}}
	var err error
	if l.w, err = r.Journal.Begin(l.header); err != nil {
		return nil, err
	}
	l.careful = r.Journal.Surpassed(index, stamp)
	if l.careful && kind.Wide() {
		return nil, errors.Join(journal.ErrStale, l.w.Discard())
	}
	return l, nil
}

// retract takes back what an attempt at the same write left that the engine surely has nothing of.
func (r *Replica) retract(write string) error {
	r.mu.Lock()
	place, ok := r.unsure[write]
	delete(r.unsure, write)
	r.mu.Unlock()
	if !ok || write == "" {
		return nil
	}
	return r.Journal.Void(place)
}

// Stamp is the stamp of the write.
func (l *Leg) Stamp() hlc.Stamp { return l.header.Stamp }

// Take decides about one operation; body is what the engine would get. keep is false when the engine shall not get it.
func (l *Leg) Take(shard int, id []byte, position uint64, body []byte) (keep bool, err error) {
	op := guard.Op{Version: guard.VersionOf(l.header.Stamp, position), Write: l.header.Write, Kind: l.header.Kind}
	if l.careful {
		history, err := l.r.Journal.Operations(l.header.Index, shard, id)
		if err != nil {
			return false, err
		}
		switch guard.Admit(op, opsOf(history)) {
		case guard.Drop:
			l.dropped++
			return false, nil
		case guard.Refuse:
			return false, ErrUnordered
		}
	}
	return true, l.w.Add(journal.Op{Shard: shard, ID: id, Version: op.Version, Body: body})
}

func opsOf(history []journal.Known) []guard.Op {
	ops := make([]guard.Op, len(history))
	for i, k := range history {
		ops[i] = k.Op
	}
	return ops
}

// End makes the leg durable. Only then may the engine get the end of it.
func (l *Leg) End() error { return l.w.Prepare() }

// Enqueued says which task the engine made of the leg.
func (l *Leg) Enqueued(task uint32) error {
	l.done = true
	if err := l.w.Register(task); err != nil {
		return err
	}
	l.r.Metrics.voided.Add(float64(l.dropped))
	if e, ok := l.r.Journal.Leg(l.w.Place()); ok {
		l.r.place(e)
	}
	return nil
}

// Discard ends a leg that the engine did not take. After Enqueued it does nothing.
func (l *Leg) Discard() error {
	if l.done {
		return nil
	}
	l.done = true
	return l.w.Discard()
}

// Doubt ends a leg of which nobody knows whether the engine took it.
func (l *Leg) Doubt() {
	l.done = true
	l.r.doubt(l.header.Write, l.w.Place())
	l.w.Abandon()
}

// Found says which task became of a write that was known already when it came again.
func (r *Replica) Found(write string, task uint32) error {
	r.mu.Lock()
	place, ok := r.unsure[write]
	r.mu.Unlock()
	if !ok {
		return nil
	}
	return r.enter(place, task)
}

func (r *Replica) doubt(write string, place hlc.Stamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure[write] = place
}

func (r *Replica) sure(write string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unsure, write)
}
