package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// ErrUnordered says that the place of a write among those that are here can not be found: the replica misses it.
var ErrUnordered = errors.New("the write can not be put in order on this node")

// Pauses of the background work.
const (
	retryFirst   = 50 * time.Millisecond
	retryLongest = 2 * time.Second
	doubtTime    = 10 * time.Second // after which the engine surely has, or has not, what it was sent
	holdTime     = 2 * time.Second  // for which ends of writes are not told because an older one may be there
	tidyPeriod   = 10 * time.Second
)

// Views is where the newest routing view comes from.
type Views interface{ View() *routing.View }

// Config is what a replica works with. All fields must be set.
type Config struct {
	Journal    *journal.Journal
	Clock      *hlc.Clock
	Engine     *engine.Client
	Dispatches *dispatch.Table
	Views      Views
	// Lost is told that copies on this node may differ from the others from a stamp on. It tries until it is heard.
	Lost    func(ctx context.Context, index string, shards []int, from hlc.Stamp, reason string)
	Log     zerolog.Logger
	Metrics *Metrics
}

// Replica is safe for concurrent use.
type Replica struct {
	Config
	ready   chan struct{} // closed when legs of the last run are accounted for
	release func()        // what keeps bodies until then: something may be out of order
	started time.Time

	mu       sync.Mutex
	lanes    map[string]*lane
	queue    []checkup
	checks   map[string]progress     // of checkups, by index
	ends     map[string]*end         // of writes that may not be told yet, by dispatch id
	left     map[string]short        // writes of which the engine did not get all, by dispatch id
	entering map[hlc.Stamp]bool      // legs without a writer whose task is known, and that are not in their lanes yet
	unsure   map[string]hlc.Stamp    // legs of which nobody knows whether the engine has them, by dispatch id
	retried  map[string]string       // indexes of what was sent again once more and has not ended, by dispatch id
	doubts   map[hlc.Stamp]time.Time // since when, by place
	wake     chan struct{}
	calm     chan struct{} // closed and replaced when a checkup is done
}

// checkup is a leg whose documents must be looked at.
type checkup struct {
	index    string
	place    hlc.Stamp
	crossed  bool      // an operation that names no document
	retry    bool      // what was sent again for its documents failed
	from     hlc.Stamp // of the first operation that it is about; 0 for any
	number   uint64
	failures uint64 // of legs of the index, when it was begun
	release  func() // what keeps the bodies of its operations
}

// New returns a replica. Legs wait until Run has accounted for those of the last run.
func New(c Config) *Replica {
	return &Replica{
		Config: c, ready: make(chan struct{}), release: c.Journal.Hold(0), started: time.Now(), lanes: map[string]*lane{},
		checks: map[string]progress{}, ends: map[string]*end{}, retried: map[string]string{}, left: map[string]short{}, entering: map[hlc.Stamp]bool{}, unsure: map[string]hlc.Stamp{}, doubts: map[hlc.Stamp]time.Time{},
		wake: make(chan struct{}, 1), calm: make(chan struct{}),
	}
}

// Run accounts for the legs of the last run and settles what is out of order, until ctx ends.
func (r *Replica) Run(ctx context.Context) error {
	if err := r.recover(ctx); err != nil {
		return err
	}
	var tidying sync.WaitGroup
	defer tidying.Wait()
	tidying.Go(func() { r.tidyAlways(ctx) })
	for ctx.Err() == nil {
		c, rest, ok := r.next(time.Now())
		if ok {
			r.settle(ctx, c)
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-rest:
		}
	}
	return nil
}

// tidyAlways tidies by and by, however much there is to settle.
func (r *Replica) tidyAlways(ctx context.Context) {
	tick := time.NewTicker(tidyPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.tidy(ctx)
		}
	}
}

// recover asks the engine what became of prepared legs, and puts all legs of the window into their lanes.
func (r *Replica) recover(ctx context.Context) error {
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		err := r.account(ctx, func(journal.Entered) bool { return true }, false)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		r.Log.Debug().Err(err).Msg("legs of the last run not accounted for yet")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	for _, e := range r.Journal.Legs() {
		if e.Registered {
			r.place(e)
		}
	}
	r.release()
	close(r.ready)
	return nil
}

// account finds out what became of prepared legs of which no writer is left. Those that the engine does not know are void when it can
// not get them any more; else they stay in doubt.
func (r *Replica) account(ctx context.Context, include func(journal.Entered) bool, over bool) error {
	var open []journal.Entered
	var ids []string
	for _, e := range r.Journal.Legs() {
		if r.adrift(e.Place) && include(e) {
			open, ids = append(open, e), append(ids, e.Write)
		}
	}
	if len(open) == 0 {
		return nil
	}
	found, err := r.Dispatches.Lookup(ctx, ids)
	if err != nil {
		return fmt.Errorf("account for legs: %w", err)
	}
	for i, d := range found {
		e := open[i]
		if d.State == nodeapi.StateUnknown && !over {
			since := r.started
			if at := e.Place.Time(); at.Before(since) {
				since = at
			}
			r.Dispatches.Doubt(e.Write, since)
			r.doubt(e.Write, e.Place)
			continue
		}
		if d.State == nodeapi.StateUnknown {
			if err := r.Journal.Void(e.Place); err != nil {
				return err
			}
			r.sure(e.Write, e.Place)
			continue
		}
		task, err := taskUID(d.Task)
		if err != nil {
			return err
		}
		if err := r.enter(e.Write, e.Place, task); err != nil {
			return err
		}
	}
	return nil
}

// adrift says whether a leg is prepared only, and has no writer any more.
func (r *Replica) adrift(place hlc.Stamp) bool {
	if r.Journal.InFlight(place) {
		return false
	}
	e, ok := r.Journal.Leg(place) // as the writer has left it
	return ok && !e.Registered
}

// accounted waits until legs of the last run are accounted for.
func (r *Replica) accounted(ctx context.Context) error {
	select {
	case <-r.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Ready says whether legs are taken.
func (r *Replica) Ready() bool {
	select {
	case <-r.ready:
		return true
	default:
		return false
	}
}

// enter registers a prepared leg without a writer. Whoever comes second leaves it to the first one.
func (r *Replica) enter(write string, place hlc.Stamp, task uint32) error {
	r.mu.Lock()
	busy := r.entering[place]
	r.entering[place] = true
	r.mu.Unlock()
	if busy {
		return nil
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.entering, place)
	}()
	if e, ok := r.Journal.Leg(place); ok && !e.Registered {
		if err := r.Journal.Resume(place, task); err != nil {
			return err
		}
		if e, ok = r.Journal.Leg(place); ok && r.Ready() {
			r.place(e)
		}
	}
	r.sure(write, place)
	return nil
}

// place puts a registered leg into its lane and queues what may be out of order because of it.
func (r *Replica) place(e journal.Entered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.lanes[e.Index]
	if !ok {
		l = &lane{}
		r.lanes[e.Index] = l
	}
	if e.Left > 0 {
		r.left[e.Write] = short{e.Place, e.Left}
		r.endOf(e.Index, e.Write, e.Place).late = true
	}
	r.foresee(e)
	check, crossed, hidden := l.insert(e)
	for _, p := range check {
		r.add(checkup{index: e.Index, place: p})
	}
	for _, p := range crossed {
		r.add(checkup{index: e.Index, place: p, crossed: true})
	}
	for _, h := range hidden {
		end := r.endOf(e.Index, h.write, h.place)
		end.until, end.after = r.checks[e.Index].asked, ""
	}
}

// add queues a checkup. The lock is held.
func (r *Replica) add(c checkup) {
	o := r.checks[c.index]
	o.asked++
	r.checks[c.index] = o
	if leg, ok := r.Journal.Leg(c.place); ok {
		c.from = leg.Low.Stamp
	}
	c.number, c.release = o.asked, r.Journal.Hold(c.from)
	r.queue = append(r.queue, c)
	r.rouse()
}

func (r *Replica) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next takes the first checkup that may be done now. Without one, rest says when an index that was put aside may go on.
func (r *Replica) next(now time.Time) (c checkup, rest <-chan time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	soonest := time.Duration(-1)
	for at, first := range r.queue {
		o := r.checks[first.index]
		pause := o.rest.Sub(now)
		switch {
		case o.shut > 0:
		case pause > 0:
			if soonest < 0 || pause < soonest {
				soonest = pause
			}
		default:
			r.queue = slices.Delete(r.queue, at, at+1)
			return first, nil, true
		}
	}
	if soonest >= 0 {
		rest = time.After(soonest)
	}
	return checkup{}, rest, false
}

// postpone puts the index of a checkup that could not be done aside for a while, so that others go on.
func (r *Replica) postpone(c checkup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.checks[c.index]
	o.pause = min(max(2*o.pause, retryFirst), retryLongest)
	o.rest = time.Now().Add(o.pause)
	r.checks[c.index] = o
	r.queue = slices.Insert(r.queue, 0, c) // before later ones of the index
}

// Lose begins an index anew whose documents the engine has lost. Numbers of its tasks begin anew as well, so the legs of
// before have no place among those that come.
func (r *Replica) Lose(ctx context.Context, index string) error {
	if err := r.accounted(ctx); err != nil {
		return err
	}
	if err := r.Journal.Lose(index); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lanes, index)
	r.forget()
	return nil
}

// Prune forgets the indexes that are not kept: they are gone, in the catalog and on the engine.
func (r *Replica) Prune(keep func(index string) bool) error {
	if !r.Ready() {
		return nil
	}
	for _, index := range r.Journal.Indexes() {
		if keep(index) {
			continue
		}
		if err := r.Journal.Forget(index); err != nil {
			return err
		}
		r.mu.Lock()
		delete(r.lanes, index)
		r.forget()
		r.mu.Unlock()
		r.Log.Info().Str("index", index).Msg("journal of an index that is gone forgotten")
	}
	return nil
}

// tidy forgets what the journal forgot, asks about legs whose outcome has been unknown for a while, and how tasks ended.
func (r *Replica) tidy(ctx context.Context) {
	r.mu.Lock()
	r.forget()
	r.mu.Unlock()
	// By the time that passed: a clock that was ahead says the same for minutes.
	err := r.account(ctx, func(e journal.Entered) bool { return r.doubt(e.Write, e.Place) > doubtTime }, true)
	if err != nil && ctx.Err() == nil {
		r.Log.Debug().Err(err).Msg("legs of unknown outcome not accounted for yet")
	}
	r.hearAll(ctx)
}
