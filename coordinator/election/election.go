package election

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/state"
)

// Bounds of the loop (BG-4).
const (
	DefaultTTL   = 10 * time.Second
	resignTime   = 2 * time.Second
	retryFirst   = 50 * time.Millisecond
	retryLongest = 2 * time.Second
)

// errStopped ends a leadership because the process stops.
var errStopped = errors.New("this coordinator stops")

// Candidate competes for one scope.
type Candidate struct {
	Store   *state.Client
	Scope   string
	Holder  string        // id of this coordinator
	TTL     time.Duration // of the lease, 0 takes DefaultTTL
	Log     zerolog.Logger
	Metrics *Metrics
}

// Once is Run until lead has come to its end: it returns as soon as lead returns nil.
func (c *Candidate) Once(ctx context.Context, lead func(ctx context.Context, l *state.Leadership) error) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	defer c.Metrics.forget(c.Scope)
	return c.Run(ctx, func(ctx context.Context, l *state.Leadership) error {
		err := lead(ctx, l)
		if err == nil {
			done()
		}
		return err
	})
}

// Run calls lead whenever this process leads the scope, until ctx ends. lead's context ends with the leadership, and the
// scope is given up as soon as lead returns. What lead fails with is logged, and the candidate competes again.
func (c *Candidate) Run(ctx context.Context, lead func(ctx context.Context, l *state.Leadership) error) error {
	c.Metrics.leader.WithLabelValues(c.Scope).Set(0)
	for pause := retryFirst; ctx.Err() == nil; {
		began := time.Now()
		err := c.term(ctx, lead)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			c.Log.Warn().Err(err).Str("scope", c.Scope).Msg("scope not led")
		}
		if time.Since(began) > retryLongest {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, retryLongest)
	}
	return nil
}

// term waits for one leadership, and lives through it.
func (c *Candidate) term(ctx context.Context, lead func(context.Context, *state.Leadership) error) error {
	ttl := c.TTL
	if ttl == 0 {
		ttl = DefaultTTL
	}
	l, err := c.Store.Campaign(ctx, c.Scope, c.Holder, int((ttl+time.Second-1)/time.Second))
	if err != nil {
		return err
	}
	work, cancel := context.WithCancelCause(l.Context())
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { cancel(errStopped) })
	defer stop()
	c.Metrics.leader.WithLabelValues(c.Scope).Set(1)
	c.Metrics.terms.WithLabelValues(c.Scope).Inc()
	c.Log.Info().Str("scope", c.Scope).Int64("token", l.Token()).Msg("scope led by this coordinator")
	err = lead(work, l)
	c.Metrics.leader.WithLabelValues(c.Scope).Set(0)
	if err != nil && work.Err() != nil {
		err = context.Cause(work)
	}
	end, done := context.WithTimeout(context.WithoutCancel(ctx), resignTime)
	defer done()
	if e := l.Resign(end); e != nil && !errors.Is(err, state.ErrLostLeadership) {
		c.Log.Warn().Err(e).Str("scope", c.Scope).Msg("scope not given up, its lease runs out by itself")
	}
	return err
}
