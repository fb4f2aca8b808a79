//go:build store

package barrier

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/testkit/etcd"
)

// gateway starts one gateway's part on a store, whose clock differs from the machine's.
func gateway(t *testing.T, endpoint, id string, skew time.Duration) (b *Barrier, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	store, err := state.Open(ctx, state.Options{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	views, err := store.WatchView(ctx, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	presence, err := store.NewSession(ctx, leaseTime)
	if err == nil {
		err = presence.Put(ctx, "members/gateway/"+id, map[string]int{"v": 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	clock := hlc.New(func() time.Time { return time.Now().Add(skew) })
	b = New(id, store, views, clock, zerolog.Nop(), NewMetrics(prometheus.NewRegistry()))
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Run(ctx) })
	stop = sync.OnceFunc(func() {
		_ = presence.Close(context.Background())
		cancel()
		wg.Wait()
		_ = store.Close()
	})
	t.Cleanup(stop)
	return b, stop
}

// closed closes a barrier as soon as the gateway's session is there.
func closed(t *testing.T, b *Barrier) (hlc.Stamp, func()) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		stamp, open, err := b.Close(t.Context(), "a--1")
		if err == nil {
			return stamp, open
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// §6 "Order": while one gateway's operation on all documents runs, no gateway has a write in flight; writes before have
// earlier stamps than it, and those after later ones, whatever the clocks say.
func TestNoWriteCrossesABarrier(t *testing.T) {
	store := etcd.Start(t)
	one, _ := gateway(t, store, "one", 0)
	two, _ := gateway(t, store, "two", -300*time.Millisecond)
	three, stopThree := gateway(t, store, "three", 300*time.Millisecond)

	type written struct {
		stamp hlc.Stamp
		round int64
	}
	var inFlight, round atomic.Int64
	var mu sync.Mutex
	var writes []written
	stop, wrote := make(chan struct{}), make(chan struct{}, 1)
	var writers sync.WaitGroup
	for _, b := range []*Barrier{one, two, two, three} {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				leave := b.Enter(t.Context(), "a--1")
				inFlight.Add(1)
				w := written{b.Clock.Next(), round.Load()}
				<-time.After(time.Millisecond)
				inFlight.Add(-1)
				leave()
				mu.Lock()
				writes = append(writes, w)
				mu.Unlock()
				select {
				case wrote <- struct{}{}:
				default:
				}
			}
		})
	}
	// Waits are bounded, so a round that took as long as that proves nothing: then it is done again.
	barriers := map[int64]hlc.Stamp{}
	for turn, holders := 0, []*Barrier{one, two, three, two, one}; turn < len(holders); {
		<-wrote
		begin := time.Now()
		stamp, open := closed(t, holders[turn])
		running := inFlight.Load()
		<-time.After(10 * time.Millisecond)
		begun := inFlight.Load()
		this := round.Add(1) - 1
		open()
		if time.Since(begin) >= patience {
			continue
		}
		if running+begun != 0 {
			t.Errorf("%d writes are in flight, %d began behind the barrier", running, begun)
		}
		barriers[this] = stamp
		turn++
	}
	// A holder that dies takes its barrier along.
	_, _ = closed(t, three)
	stopThree()
	watch, is := one.Views.(*state.ViewWatch)
	if !is {
		t.Fatal("not the view of the store")
	}
	if _, err := watch.Wait(t.Context(), func(v *routing.View) bool { return !v.Barriers["a--1"].Closed }); err != nil {
		t.Error("the barrier of a gateway that is gone stands")
	}
	one.Enter(t.Context(), "a--1")()
	close(stop)
	writers.Wait()
	for _, w := range writes {
		for i, s := range barriers {
			if after := w.round > i; after != (w.stamp > s) {
				t.Fatalf("a write of round %d has stamp %d, barrier %d has %d", w.round, w.stamp, i, s)
			}
		}
	}
}

// Chaos seed 68: etcd died when it had closed a barrier and not said so. The gateway lived on, its lease too, and every
// write to the index waited for five seconds from then on.
func TestABarrierOfWhichNobodyKnowsEnds(t *testing.T) {
	store := etcd.Start(t)
	b, _ := gateway(t, store, "one", 0)
	closed(t, b) // and nobody opens it
	b.mu.Lock()
	session := b.session
	b.mu.Unlock()
	b.forsake(session)
	_, open := closed(t, b)
	open()
}

// An opening that is followed by the next closing before a gateway has seen it still says which stamps are over, also when
// nobody opens the barrier again.
func TestAnOpeningThatWasNotSeenCounts(t *testing.T) {
	store := etcd.Start(t)
	one, _ := gateway(t, store, "one", 300*time.Millisecond)
	first, open := closed(t, one)
	open()
	closed(t, one) // and nobody opens it
	clock := hlc.New(time.Now)
	two := New("two", one.Store, one.Views, clock, zerolog.Nop(), NewMetrics(prometheus.NewRegistry()))
	watch, is := one.Views.(*state.ViewWatch)
	if !is {
		t.Fatal("not the view of the store")
	}
	v, err := watch.Wait(t.Context(), func(v *routing.View) bool { return v.Barriers["a--1"].Closed })
	if err != nil {
		t.Fatal(err)
	}
	two.respect(v)
	two.respect(&routing.View{})
	if stamp := clock.Next(); stamp <= first {
		t.Errorf("a write after the barrier of %d has stamp %d", first, stamp)
	}
}
