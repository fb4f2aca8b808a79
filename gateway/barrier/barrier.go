package barrier

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

const (
	leaseTime = 10 * time.Second
	patience  = 5 * time.Second // for which writes wait, and a holder waits for the others
	pollPause = 3 * time.Millisecond
	pollMost  = 50 * time.Millisecond
)

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Barrier is one gateway's part in all barriers. It is safe for concurrent use.
type Barrier struct {
	Gateway string
	Store   *state.Client
	Views   Views
	Clock   *hlc.Clock
	Log     zerolog.Logger
	Metrics *Metrics

	mu      sync.Mutex
	flights map[string]int           // writes in flight, by physical name
	closed  map[string]string        // id of the closing that holds writes back
	opened  map[string]chan struct{} // closed when writes may go on
	session *state.Session
	broken  chan struct{} // closed when the session must end; a new one for each session
	drained chan struct{}
}

// New returns a gateway's part. Run must run.
func New(gateway string, store *state.Client, views Views, clock *hlc.Clock, log zerolog.Logger, m *Metrics) *Barrier {
	return &Barrier{
		Gateway: gateway, Store: store, Views: views, Clock: clock, Log: log, Metrics: m, flights: map[string]int{},
		closed: map[string]string{}, opened: map[string]chan struct{}{}, drained: make(chan struct{}, 1),
	}
}

// Enter lets a write begin, once its index's barrier is open; leave ends it. After a bounded wait it begins anyway.
func (b *Barrier) Enter(ctx context.Context, physical string) (leave func()) {
	begin := time.Now()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for waits := true; waits; {
		b.mu.Lock()
		opened, shut := b.opened[physical]
		if !shut {
			break
		}
		b.mu.Unlock()
		select {
		case <-opened:
			continue
		case <-timeout.C:
		case <-ctx.Done():
		}
		waits = false
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.flights[physical]++
	b.Metrics.held.Observe(time.Since(begin).Seconds())
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.flights[physical]--; b.flights[physical] == 0 {
			delete(b.flights, physical)
			b.signal()
		}
	}
}

func (b *Barrier) signal() {
	select {
	case b.drained <- struct{}{}:
	default:
	}
}

// Close closes the barrier of an index and returns when no gateway has a write in flight, or it was waited for long
// enough. stamp is the operation's; open lets writes go on.
func (b *Barrier) Close(ctx context.Context, physical string) (stamp hlc.Stamp, open func(), err error) {
	begin := time.Now()
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b.mu.Lock()
	session := b.session
	b.mu.Unlock()
	if session == nil {
		return 0, nil, fmt.Errorf("close barrier: %w", state.ErrUnavailable)
	}
	rec := routing.BarrierRecord{V: routing.Version, ID: fmt.Sprintf("%s-%d", b.Gateway, b.Clock.Next()), Holder: b.Gateway, Closed: true}
	for pause := pollPause; ; pause = min(2*pause, pollMost) {
		closed, err := session.CloseBarrier(wait, physical, rec)
		if err != nil {
			if errors.Is(err, state.ErrUncertain) {
				b.forsake(session)
			}
			return 0, nil, err
		}
		if closed {
			break
		}
		if err := sleep(wait, pause); err != nil {
			return 0, nil, fmt.Errorf("close barrier: another operation holds it: %w", state.ErrUnavailable)
		}
	}
	b.await(wait, physical, rec.ID)
	rec.Stamp = b.Clock.Next()
	b.Metrics.closing.Observe(time.Since(begin).Seconds())
	return rec.Stamp, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err := session.OpenBarrier(end, physical, rec); err != nil {
			b.Log.Warn().Err(err).Msg("barrier not opened, it ends with its lease")
			b.forsake(session)
		}
		b.Metrics.duration.Observe(time.Since(begin).Seconds())
	}, nil
}

// await returns when all gateways have said that they respect a closing, and makes the clock surpass their stamps.
func (b *Barrier) await(ctx context.Context, physical, id string) {
	for pause := pollPause; ; pause = min(2*pause, pollMost) {
		acks, err := b.Store.BarrierAcks(ctx, physical)
		missing := err != nil || len(acks) == 0
		for _, a := range acks {
			missing = missing || a.ID != id
		}
		if !missing {
			for _, a := range acks {
				_ = b.Clock.Observe(a.Stamp) // a clock that is too far off is refused by the nodes
			}
			return
		}
		if sleep(ctx, pause) != nil {
			b.Metrics.impatient.Inc()
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Run keeps a session and follows the barriers of all gateways, until ctx ends.
func (b *Barrier) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		session, err := b.Store.NewSession(ctx, leaseTime)
		if err != nil {
			_ = sleep(ctx, time.Second)
			continue
		}
		b.follow(ctx, session, b.hold(session))
		b.hold(nil)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = session.Close(end) // it may be lost already
		cancel()
	}
	return nil
}

// hold takes a session into use; broken says when it must end.
func (b *Barrier) hold(s *state.Session) (broken <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session, b.broken = s, make(chan struct{})
	return b.broken
}

// forsake ends a session that holds a barrier which can't be opened: the barrier goes with the lease. The next one is
// made at once.
func (b *Barrier) forsake(s *state.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.session == s {
		b.session = nil
		close(b.broken)
	}
}

func (b *Barrier) follow(ctx context.Context, session *state.Session, broken <-chan struct{}) {
	changed, cancel := b.Views.Subscribe()
	defer cancel()
	said := map[string]string{}
	for {
		for physical, id := range b.respect(b.Views.View()) {
			if said[physical] == id {
				continue
			}
			ack := state.BarrierAck{V: routing.Version, ID: id, Stamp: b.Clock.Next()}
			if err := session.AckBarrier(ctx, physical, b.Gateway, ack); err != nil {
				b.Log.Warn().Err(err).Msg("barrier not acknowledged")
				continue
			}
			said[physical] = id
		}
		select {
		case <-ctx.Done():
			return
		case <-session.Done():
			return
		case <-broken:
			return
		case <-changed:
		case <-b.drained:
		}
	}
}

// respect takes over the barriers of a view and lists those that hold this gateway's writes back and wait for none.
func (b *Barrier) respect(v *routing.View) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rec := range v.Barriers {
		if rec.Stamp > 0 { // of an opening, which may be over already when the next closing is seen
			_ = b.Clock.Observe(rec.Stamp) // see await
		}
	}
	for physical := range b.closed {
		if v.Barriers[physical].Closed {
			continue
		}
		close(b.opened[physical])
		delete(b.opened, physical)
		delete(b.closed, physical)
	}
	quiet := map[string]string{}
	for physical, rec := range v.Barriers {
		if !rec.Closed {
			continue
		}
		if b.opened[physical] == nil {
			b.opened[physical] = make(chan struct{})
		}
		if b.closed[physical] = rec.ID; b.flights[physical] == 0 {
			quiet[physical] = rec.ID
		}
	}
	return quiet
}
