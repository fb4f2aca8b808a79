package scatter

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/plan"
)

// race is a leg that is asked of other owners too if it does not answer in time. The leg itself runs where its read runs;
// the others run in the goroutine of the timer, which does not outlive the contexts that the race ends.
type race struct {
	rd    *reading
	leg   plan.Leg
	begun time.Time
	outer context.Context //nolint:containedctx // of the read, for the others, which begin by themselves
	lose  context.CancelFunc

	mu     sync.Mutex // held for a look at the fields below
	over   bool       // the leg ended first: nobody else is asked any more
	won    bool       // the others ended first, with an answer to everything
	stop   context.CancelFunc
	ended  chan struct{} // closed when the others ended; nil while nobody else is asked
	others []answer
}

// race runs a leg that is late after delay.
func (rd *reading) race(ctx context.Context, l plan.Leg, delay time.Duration, t *taken) {
	own, cancel := context.WithTimeout(ctx, rd.Timeout)
	defer cancel()
	r := &race{rd: rd, leg: l, begun: time.Now(), outer: ctx, lose: cancel}
	timer := rd.Hedge.After(delay, r.late)
	t.own = rd.one(own, l, planned)
	if !timer.Stop() {
		t.others = r.settle(&t.own)
	}
}

// late asks the other owners.
func (r *race) late() {
	if !r.open() {
		return
	}
	legs := r.alternates()
	if len(legs) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(r.outer)
	defer cancel()
	if !r.ask(cancel) {
		return
	}
	answers := r.rd.all(ctx, legs, hedged)
	good := !slices.ContainsFunc(answers, func(a answer) bool { return a.failed() })
	r.mu.Lock()
	if r.won = good && !r.over; r.won {
		r.others = answers
		r.lose()
	}
	outcome := hedge.Failed
	switch {
	case r.won:
		outcome = hedge.Won
	case r.over:
		outcome = hedge.Lost
	}
	close(r.ended)
	r.mu.Unlock()
	own := r.rd.Hedge.Times.P95(r.leg.Node, r.rd.call.Class)
	r.rd.Hedge.Ended(len(legs), outcome, own, time.Since(r.begun))
}

// open says whether the leg is still under way.
func (r *race) open() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.over
}

// alternates are the nodes that stand in for the leg, nil where they do not have all of its shards.
func (r *race) alternates() []plan.Leg {
	rd := r.rd
	legs := rd.replan(r.leg, Late, rd.avoid())
	if len(legs) == 0 || rd.call.Sole && len(legs) > 1 || len(lost(r.leg, legs)) > 0 {
		return nil
	}
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if !rd.Hedge.Spend(len(legs), rd.hedges) {
		return nil
	}
	rd.hedges += len(legs)
	return legs
}

// ask notes that others are asked, unless the leg ended meanwhile.
func (r *race) ask(stop context.CancelFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.stop, r.ended = stop, make(chan struct{})
	return true
}

// settle decides who won after the leg ended and the timer had run. It returns the answers of the others when they count.
func (r *race) settle(own *answer) []answer {
	r.mu.Lock()
	asked := r.ended
	if !r.won && (asked == nil || !own.failed()) {
		r.over = true
		if r.stop != nil {
			r.stop()
		}
	}
	over := r.over
	r.mu.Unlock()
	if over {
		return nil
	}
	<-asked // they won, or the leg failed and they may still answer; their deadline bounds this
	if r.won {
		return r.others
	}
	return nil
}
