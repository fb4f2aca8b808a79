package coalesce

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/miroir-search/miroir/internal/tuning"
)

func newGroup(change func(*tuning.QueryCoalescing)) *Group[string] {
	live := tuning.Default()
	if change != nil {
		change(&live.QueryCoalescing)
	}
	return New[string](Options{
		Tuning: func() *tuning.Live { return &live }, Now: time.Now, Metrics: NewMetrics(prometheus.NewRegistry()),
	})
}

// counted is work that takes a while and counts how often it runs.
type counted struct {
	runs   atomic.Int64
	takes  time.Duration
	shared bool
}

func (c *counted) work(ctx context.Context) (string, bool) {
	n := c.runs.Add(1)
	select {
	case <-time.After(c.takes):
		return fmt.Sprint("run ", n), c.shared
	case <-ctx.Done():
		return "broken off", false
	}
}

// A10.4: a hundred equal searches within 20 ms are one run, and all get its answer; another key gets its own.
func TestA104EqualSearchesShareARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newGroup(nil), counted{takes: 30 * time.Millisecond, shared: true}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 200 * time.Microsecond) //nolint:forbidigo // in a bubble: simulated time
				if v, ok := g.Do(t.Context(), Key{1}, c.work); !ok || v != "run 1" {
					t.Errorf("%q %v", v, ok)
				}
			})
		}
		all.Wait()
		if c.runs.Load() != 1 || testutil.ToFloat64(g.Metrics.subscribers) != 99 || testutil.ToFloat64(g.Metrics.hits) != 99 || len(g.runs) != 0 {
			t.Errorf("%d runs, %v joined, %v served", c.runs.Load(), testutil.ToFloat64(g.Metrics.subscribers), testutil.ToFloat64(g.Metrics.hits))
		}
		if v, _ := g.Do(t.Context(), Key{2}, c.work); v != "run 2" {
			t.Error(v)
		}
	})
}

// F10: a run may be joined within the window after it began, by so many, and so many runs may be joined.
func TestF10BoundsOfSharing(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*tuning.QueryCoalescing)
		apart  time.Duration
		keys   int
		want   int64
	}{
		{"within the window", nil, 10 * time.Millisecond, 1, 1},
		{"beyond the window", nil, 60 * time.Millisecond, 1, 3},
		{"two may join", func(q *tuning.QueryCoalescing) { q.MaxSubscribers = 1 }, 0, 1, 2},
		{"one run may be joined", func(q *tuning.QueryCoalescing) { q.MaxPendingQueries = 1 }, time.Millisecond, 3, 3},
		{"switched off", func(q *tuning.QueryCoalescing) { q.Enabled = false }, 0, 1, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, work := newGroup(c.change), counted{takes: time.Second, shared: true}
				var all sync.WaitGroup
				for i := range 3 {
					all.Go(func() { g.Do(t.Context(), Key{byte(i % c.keys)}, work.work) })
					time.Sleep(c.apart) //nolint:forbidigo // in a bubble: simulated time
					synctest.Wait()
				}
				all.Wait()
				if n := work.runs.Load(); n != c.want || len(g.runs) != 0 {
					t.Errorf("%d runs, want %d; %d are left", n, c.want, len(g.runs))
				}
			})
		})
	}
}

// A10.6: an answer that may not be shared stays the leader's; the others run for themselves.
func TestA106AFailedRunIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newGroup(nil), counted{takes: time.Millisecond}
		seen := sync.Map{}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				v, ok := g.Do(t.Context(), Key{}, c.work)
				if _, twice := seen.LoadOrStore(v, true); twice || !ok {
					t.Errorf("%q was shared, %v", v, ok)
				}
			})
		}
		all.Wait()
		if c.runs.Load() != 5 || testutil.ToFloat64(g.Metrics.hits) != 0 {
			t.Errorf("%d runs", c.runs.Load())
		}
	})
}

// F10: a run goes on when its leader's client leaves and others wait, and ends when all have left; whoever comes then does
// not join it.
func TestF10ARunOutlivesItsLeader(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		g, c := newGroup(nil), counted{takes: 20 * time.Millisecond, shared: true}
		leader, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { g.Do(leader, Key{}, c.work) })
		synctest.Wait()
		all.Go(func() {
			if v, ok := g.Do(t.Context(), Key{}, c.work); v != "run 1" || !ok {
				t.Errorf("%q %v", v, ok)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()

		leader, leave = context.WithCancel(t.Context())
		follower, leaveToo := context.WithCancel(t.Context())
		all.Go(func() {
			if v, _ := g.Do(leader, Key{}, c.work); v != "broken off" {
				t.Errorf("%q, though nobody waits", v)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, ok := g.Do(follower, Key{}, c.work); ok {
				t.Error("an answer for somebody who left")
			}
		})
		synctest.Wait()
		leaveToo()
		synctest.Wait()
		leave()
		synctest.Wait()
		if v, ok := g.Do(t.Context(), Key{}, c.work); v != "run 3" || !ok {
			t.Errorf("%q %v", v, ok)
		}
		all.Wait()
	})
}

func TestNobodySharesWithoutAGroup(t *testing.T) {
	var g *Group[string]
	c := counted{}
	if v, ok := g.Do(t.Context(), Key{}, c.work); v != "run 1" || !ok {
		t.Errorf("%q %v", v, ok)
	}
}

// What it costs a search that nobody joins.
func BenchmarkLead(b *testing.B) {
	g := newGroup(nil)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	work := func(context.Context) (string, bool) { return "", true }
	b.ReportAllocs()
	for b.Loop() {
		g.Do(ctx, Key{}, work)
	}
}
