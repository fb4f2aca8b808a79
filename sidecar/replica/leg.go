package replica

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// Leg is what becomes one task of the engine, on its way there. One goroutine uses it.
type Leg struct {
	r       *Replica
	header  journal.Leg
	parts   []*journal.Writer // legs of the journal, in order: one, or several where operations of several kinds become one task
	careful bool              // something newer may be here
	dropped int
	left    map[string]bool // documents that the engine does not get with it, by shard and id
	done    bool
	open    func() // lets operations be sent again
}

// Begin starts a leg. A write that is too old to be put in order is journal.ErrStale; so is one that names no document
// and is older than anything here. A leg without a stamp gets one.
//
// One that names no document waits until what was known before is in order, and nothing is sent again while it is under way:
// it would stand behind it.
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
	if kind.Wide() {
		if err := r.shut(ctx, index); err != nil {
			return nil, err
		}
		l.open = func() { r.reopen(index) }
	}
	err := l.part(l.header)
	if err == nil {
		l.careful = r.Journal.Surpassed(index, stamp)
		if l.careful && kind.Wide() {
			err = journal.ErrStale
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Discard())
	}
	return l, nil
}

// part begins another leg of the journal that becomes part of the same task.
func (l *Leg) part(header journal.Leg) error {
	w, err := l.r.Journal.Begin(header)
	if err == nil {
		l.parts = append(l.parts, w)
	}
	return err
}

// retract takes back what an attempt at the same write left that the engine surely has nothing of.
func (r *Replica) retract(write string) error {
	r.mu.Lock()
	place, ok := r.unsure[write]
	delete(r.unsure, write)
	delete(r.doubts, place)
	r.mu.Unlock()
	if !ok || write == "" {
		return nil
	}
	return r.Journal.Void(place)
}

// Stamp is the stamp of the write.
func (l *Leg) Stamp() hlc.Stamp { return l.header.Stamp }

// Take decides about one operation; body is what the engine would get. keep is false when the engine shall not get it, or gets it
// in a moment together with newer ones that are here.
func (l *Leg) Take(shard int, id []byte, position uint64, body []byte) (keep bool, err error) {
	op := guard.Op{Version: guard.VersionOf(l.header.Stamp, position), Write: l.header.Write, Kind: l.header.Kind}
	verdict := guard.Take
	if l.careful {
		history, err := l.r.Journal.Operations(l.header.Index, shard, id)
		if err != nil {
			return false, err
		}
		verdict = guard.Admit(op, opsOf(history))
	}
	switch verdict {
	case guard.Drop:
		l.dropped++
		l.leave(shard, id)
		return false, nil
	case guard.Refuse:
		return false, ErrUnordered
	case guard.Void:
		l.dropped++
	}
	late := verdict == guard.Late || verdict == guard.Void
	if late {
		l.leave(shard, id)
	}
	return !late, l.parts[0].Add(journal.Op{Shard: shard, ID: id, Version: op.Version, Late: late, Body: body})
}

func (l *Leg) leave(shard int, id []byte) {
	if l.left == nil {
		l.left = map[string]bool{}
	}
	l.left[strconv.Itoa(shard)+"/"+string(id)] = true
}

func opsOf(history []journal.Known) []guard.Op {
	ops := make([]guard.Op, len(history))
	for i, k := range history {
		ops[i] = k.Op
	}
	return ops
}

// End makes the leg durable. Only then may the engine get the end of it.
func (l *Leg) End() error {
	l.parts[0].Leave(len(l.left))
	for _, w := range l.parts {
		if err := w.Prepare(); err != nil {
			return err
		}
	}
	return nil
}

// Enqueued says which task the engine made of the leg.
func (l *Leg) Enqueued(task uint32) error {
	defer l.land()
	l.done = true
	for _, w := range l.parts {
		if err := w.Register(task); err != nil {
			return err
		}
	}
	l.r.Metrics.voided.Add(float64(l.dropped))
	for _, w := range l.parts {
		if e, ok := l.r.Journal.Leg(w.Place()); ok {
			l.r.place(e)
		}
	}
	return nil
}

// land says that the leg is not under way any more.
func (l *Leg) land() {
	for _, w := range l.parts {
		w.Abandon()
	}
	if l.open != nil {
		l.open()
		l.open = nil
	}
}

// Discard ends a leg that the engine did not take. After Enqueued it does nothing.
func (l *Leg) Discard() error {
	if l.done {
		return nil
	}
	l.done = true
	var err error
	for _, w := range l.parts {
		err = errors.Join(err, w.Discard())
	}
	l.land()
	return err
}

// Doubt ends a leg of which nobody knows whether the engine took it.
func (l *Leg) Doubt() {
	l.done = true
	l.r.doubt(l.header.Write, l.parts[0].Place()) // nobody sends one of several parts again
	l.land()
}

// Found says which task became of a write that was known already when it came again.
func (r *Replica) Found(write string, task uint32) error {
	r.mu.Lock()
	place, ok := r.unsure[write]
	r.mu.Unlock()
	if !ok || !r.Ready() { // then it is accounted for later
		return nil
	}
	return r.enter(write, place, task)
}

// doubt notes that nobody knows what became of a leg, and says for how long that has been so.
func (r *Replica) doubt(write string, place hlc.Stamp) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure[write] = place
	since, known := r.doubts[place]
	if !known {
		since = time.Now()
		r.doubts[place] = since
	}
	return time.Since(since)
}

// sure says that it is known now.
func (r *Replica) sure(write string, place hlc.Stamp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unsure, write)
	delete(r.doubts, place)
}
