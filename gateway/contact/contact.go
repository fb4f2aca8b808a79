package contact

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// DefaultLimit is how long reads go on without the store.
	DefaultLimit = 10 * time.Minute
	// interval is the time between two questions.
	interval = time.Second
	// lost is an age that no pause of a store or of a network has that works: a question may take two seconds.
	lost = 5 * time.Second
)

// Contact is safe for concurrent use.
type Contact struct {
	ask   func(context.Context) error
	limit time.Duration
	now   func() time.Time
	last  atomic.Int64 // unix nanoseconds of the last answer
}

// New begins with a contact of now. ask asks the store, and has a deadline of its own.
func New(ask func(context.Context) error, limit time.Duration, now func() time.Time, reg prometheus.Registerer) *Contact {
	c := &Contact{ask: ask, limit: limit, now: now}
	c.last.Store(now().UnixNano())
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "miroir_state_age_seconds", Help: "Time since the state store answered for the last time.",
	}, func() float64 { return c.age().Seconds() }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "miroir_etcd_up", Help: "1 while the state store answers.",
	}, func() float64 {
		if c.Lost() {
			return 0
		}
		return 1
	}))
	return c
}

// Run asks until ctx ends.
func (c *Contact) Run(ctx context.Context) error {
	again := time.NewTicker(interval)
	defer again.Stop()
	for {
		// What is known was known when the question was sent, not when its answer came.
		asked := c.now()
		if c.ask(ctx) == nil {
			c.last.Store(asked.UnixNano())
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Contact) age() time.Duration { return c.now().Sub(time.Unix(0, c.last.Load())) }

// Lost says that the store has not answered a few questions in a row: a write would wait in vain.
func (c *Contact) Lost() bool { return c.age() > lost }

// Stale says that the store has not answered for longer than reads may go on without it.
func (c *Contact) Stale() bool { return c.age() > c.limit }
