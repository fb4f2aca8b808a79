package replica

import (
	"context"
	"maps"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// end is what must be before clients may hear that a write has ended. Until then its documents may show what they were before:
// an older write came to the engine after it, and it has to be sent there again.
type end struct {
	index string
	place hlc.Stamp         // of its leg
	older []journal.Entered // legs that were on their way when its task was known, and may be older
	until uint64            // number of the last checkup that must be done
	after string            // dispatch id of what was sent again last when that one was seen to be done
	late  bool              // newer ones may have made it void, of which nobody knows yet whether they failed
}

// Ended says whether the end of a write, of which the engine has a task, may be told: nothing that is older can show in its place
// any more once the dispatch after, if there is one, has ended, too.
func (r *Replica) Ended(ctx context.Context, write string, task uint32) (after string, ok bool) {
	if !r.Ready() || r.Journal.Flying(write) || r.Found(write, task) != nil || r.unveil(ctx, write) != nil {
		return "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, unsure := r.unsure[write]; unsure {
		return "", false // somebody else has found it, and is about to put it into its place
	}
	e := r.ends[write]
	if e == nil {
		return "", true
	}
	for len(e.older) > 0 {
		if r.mayCome(e.older[0]) {
			return "", false
		}
		e.older = e.older[1:]
	}
	o := r.checks[e.index]
	switch {
	case e.until > o.done:
		return "", false
	case e.until == 0:
		delete(r.ends, write)
		return "", true
	case e.after == "":
		e.after = o.last
	}
	return e.after, true
}

// short is a write whose task in the engine has fewer documents than the write.
type short struct {
	place hlc.Stamp // of its leg
	by    int       // documents
}

// Left says how many documents of a write are not counted by its task in the engine, which did not get them: newer ones were here
// already. To the client they are written as all others, and were replaced later.
func (r *Replica) Left(write string) (documents int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left[write].by
}

// unveil finds out whether newer writes failed that may have made one void. The engine has ended them before that one.
func (r *Replica) unveil(ctx context.Context, write string) error {
	r.mu.Lock()
	e := r.ends[write]
	late := e != nil && e.late
	r.mu.Unlock()
	if !late {
		return nil
	}
	if err := r.Hear(ctx, e.index); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e.late = false
	return nil
}

// mayCome says whether a leg may still come behind one that is registered. One of which nobody knows whether the engine has it
// does so soon, or hardly ever: then this node's copies are marked, for it did not acknowledge the write. The lock is held.
func (r *Replica) mayCome(e journal.Entered) bool {
	if r.entering[e.Place] || r.Journal.InFlight(e.Place) {
		return true
	}
	since, doubtful := r.doubts[e.Place]
	return doubtful && time.Since(since) < holdTime
}

// foresee notes which legs may come behind one that is registered now, though they are older. The lock is held.
func (r *Replica) foresee(e journal.Entered) {
	if e.Via != journal.Direct {
		return // nobody hears of it
	}
	if older := r.Journal.Coming(e.Index, e.Write, e.High); len(older) > 0 {
		r.endOf(e.Index, e.Write, e.Place).older = older
	}
}

// endOf is what is noted for a write, noted now if nothing was. The lock is held.
func (r *Replica) endOf(index, write string, place hlc.Stamp) *end {
	e := r.ends[write]
	if e == nil {
		e = &end{index: index, place: place}
		r.ends[write] = e
	}
	return e
}

// progress is how far the checkups of an index are.
type progress struct {
	asked, done uint64        // numbers of the last one that was asked for, and of the last one that is done
	last        string        // dispatch id of what was sent again last
	shut        int           // operations on all documents that are under way: nothing is sent again
	rest        time.Time     // until then nothing is tried, for the last try did not work
	pause       time.Duration // that led to it
}

func (p progress) settled() bool { return p.done >= p.asked }

// sent notes that operations were sent again for a checkup.
func (r *Replica) sent(c checkup, write string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.checks[c.index]
	o.last = write
	r.checks[c.index] = o
	if c.retry {
		r.retried[write] = c.index
	}
}

// done says that a checkup is over.
func (r *Replica) done(c checkup) {
	c.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.checks[c.index]
	o.done, o.rest, o.pause = c.number, time.Time{}, 0
	r.checks[c.index] = o
	close(r.calm)
	r.calm = make(chan struct{})
}

// Settled returns when nothing of an index is known to be out of order.
func (r *Replica) Settled(ctx context.Context, index string) error {
	return r.when(ctx, func() bool { return r.checks[index].settled() })
}

// shut waits until nothing of an index is known to be out of order, and lets nothing be sent again until it is opened.
func (r *Replica) shut(ctx context.Context, index string) error {
	return r.when(ctx, func() bool {
		o := r.checks[index]
		if !o.settled() {
			return false
		}
		o.shut++
		r.checks[index] = o
		return true
	})
}

func (r *Replica) reopen(index string) {
	r.mu.Lock()
	o := r.checks[index]
	o.shut--
	r.checks[index] = o
	r.mu.Unlock()
	r.rouse()
}

// when returns as soon as a condition of the checkups holds. It is asked under the lock.
func (r *Replica) when(ctx context.Context, holds func() bool) error {
	for {
		r.mu.Lock()
		ok, calm := holds(), r.calm
		r.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-calm:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// forget drops what is noted of legs that the journal has forgotten, and of indexes without legs. The lock is held.
func (r *Replica) forget() {
	gone := func(place hlc.Stamp) bool { _, ok := r.Journal.Leg(place); return !ok }
	maps.DeleteFunc(r.ends, func(_ string, e *end) bool { return gone(e.place) })
	maps.DeleteFunc(r.unsure, func(_ string, place hlc.Stamp) bool { return gone(place) })
	maps.DeleteFunc(r.doubts, func(place hlc.Stamp, _ time.Time) bool { return gone(place) })
	for index, l := range r.lanes {
		if l.trim(gone); len(l.legs) == 0 {
			delete(r.lanes, index)
		}
	}
	maps.DeleteFunc(r.checks, func(index string, o progress) bool { return r.lanes[index] == nil && o.settled() && o.shut == 0 })
	maps.DeleteFunc(r.retried, func(_, index string) bool { return r.lanes[index] == nil })
	maps.DeleteFunc(r.left, func(_ string, s short) bool { return gone(s.place) })
}
