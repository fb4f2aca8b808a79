package admission

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrFull says that as many requests run, and as many wait, as may.
var ErrFull = errors.New("too many requests")

// Limits bound a gate.
type Limits struct {
	Running int           // requests at the same time, at least 1
	Waiting int           // requests that wait for one of them to end; 0 refuses what can not run at once
	Wait    time.Duration // after which a waiting request is refused: its client is likely gone
}

// Gate lets a bounded number of requests in. It is safe for concurrent use.
type Gate struct {
	limits  Limits
	within  *Gate // whose permit is needed too, nil for none
	slots   chan struct{}
	waiting atomic.Int64
	refused prometheus.Counter
}

// Within is a narrower gate: what enters it enters g too. So one kind of requests may be kept from taking all permits.
func (g *Gate) Within(l Limits, refused prometheus.Counter) *Gate {
	inner := newGate(l, refused)
	inner.within = g
	return inner
}

func newGate(l Limits, refused prometheus.Counter) *Gate {
	return &Gate{limits: l, slots: make(chan struct{}, l.Running), refused: refused}
}

// Enter takes a permit, which Leave gives back. Without one it returns ErrFull, or why the context ended.
func (g *Gate) Enter(ctx context.Context) error {
	if err := g.enter(ctx); err != nil {
		if errors.Is(err, ErrFull) {
			g.refused.Inc()
		}
		return err
	}
	if g.within == nil {
		return nil
	}
	err := g.within.Enter(ctx)
	if err != nil {
		<-g.slots
	}
	return err
}

func (g *Gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > int64(g.limits.Waiting) {
		g.waiting.Add(-1)
		return ErrFull
	}
	defer g.waiting.Add(-1)
	over := time.NewTimer(g.limits.Wait)
	defer over.Stop()
	select {
	case g.slots <- struct{}{}: // in the order of coming
		return nil
	case <-over.C:
		return ErrFull
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Leave gives a permit back. A nil gate gave none.
func (g *Gate) Leave() {
	if g == nil {
		return
	}
	if g.within != nil {
		g.within.Leave()
	}
	<-g.slots
}

// Running is how many requests hold a permit.
func (g *Gate) Running() int { return len(g.slots) }

// Waiting is how many requests wait for one.
func (g *Gate) Waiting() int { return int(g.waiting.Load()) }

// Queue is how many requests may wait.
func (g *Gate) Queue() int { return g.limits.Waiting }
