package admission

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/apierr"
)

// However many come at the same time, no more run and wait than may, everybody gets an answer, and the gate is empty in
// the end.
func TestNoMoreRunThanMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			MaxConcurrent: rapid.IntRange(1, 8).Draw(t, "running"), Queue: rapid.IntRange(0, 8).Draw(t, "queue"), Wait: time.Minute,
		}
		classes := rapid.SliceOfN(rapid.SampledFrom([]Class{Search, Write, Other}), 1, 60).Draw(t, "requests")
		k := New(c, prometheus.NewRegistry())
		var running, most, writes, mostWrites, in, out atomic.Int64
		peak := func(at *atomic.Int64, n int64) {
			for old := at.Load(); n > old && !at.CompareAndSwap(old, n); old = at.Load() {
			}
		}
		var all sync.WaitGroup
		for _, class := range classes {
			all.Go(func() {
				gate, refusal := k.Enter(context.Background(), class)
				if refusal != nil {
					out.Add(1)
					return
				}
				peak(&most, running.Add(1))
				if class == Write {
					peak(&mostWrites, writes.Add(1))
				}
				in.Add(1)
				if class == Write {
					writes.Add(-1)
				}
				running.Add(-1)
				gate.Leave()
			})
		}
		all.Wait()
		if most.Load() > int64(c.MaxConcurrent) || mostWrites.Load() > int64(c.MaxConcurrent+1)/2 || in.Load()+out.Load() != int64(len(classes)) {
			t.Fatalf("%d of %d ran at once, %d of them writes; %d in, %d refused of %d", most.Load(), c.MaxConcurrent, mostWrites.Load(), in.Load(), out.Load(), len(classes))
		}
		if k.all.Running() != 0 || k.writes.Running() != 0 || k.all.Waiting() != 0 || k.writes.Waiting() != 0 {
			t.Fatal("somebody is left inside")
		}
	})
}

// What finds permits and queue taken is refused at once; what waits gets in when another leaves, in the order of coming.
func TestAFullQueueRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		k := New(Config{MaxConcurrent: 1, Queue: 2, Wait: time.Minute}, reg)
		first, _ := k.Enter(t.Context(), Search)
		order := make(chan int, 2)
		for i := range 2 {
			go func() {
				gate, e := k.Enter(t.Context(), Search)
				if e != nil {
					t.Error(e)
					return
				}
				order <- i
				gate.Leave()
			}()
			synctest.Wait()
		}
		if n, err := testutil.GatherAndCount(reg, "miroir_request_queue_depth"); n != 1 || err != nil || k.all.Waiting() != 2 {
			t.Errorf("%d wait, %d, %v", k.all.Waiting(), n, err)
		}
		_, e := k.Enter(t.Context(), Search)
		if e == nil || e.Status != http.StatusServiceUnavailable || string(e.JSON()) != `{"message":"Too many search requests running at the same time: 2. Retry after 10s.","code":"too_many_search_requests","type":"system","link":"https://docs.meilisearch.com/errors#too_many_search_requests"}` {
			t.Errorf("refused with %v", e)
		}
		if _, e = k.Enter(t.Context(), Other); e == nil || e.Code != apierr.MiroirOverloaded || e.Status != http.StatusServiceUnavailable {
			t.Errorf("refused with %v", e)
		}
		if gate, e := k.Enter(t.Context(), Free); gate != nil || e != nil {
			t.Errorf("what needs no permit got %v", e)
		} else {
			gate.Leave()
		}
		first.Leave()
		if a, b := <-order, <-order; a != 0 || b != 1 {
			t.Errorf("%d got in before %d", a, b)
		}
		if got := testutil.ToFloat64(k.all.refused); got != 2 {
			t.Errorf("%v refused", got)
		}
	})
}

// Nobody waits for ever: a client that leaves stops waiting, and one that stays is refused after a time.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Limits{Running: 1, Waiting: 5, Wait: time.Minute}, prometheus.NewCounter(prometheus.CounterOpts{Name: "a"}))
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("the client is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error, 1)
		go func() { left <- g.Enter(ctx) }()
		synctest.Wait()
		cancel(gone)
		if err := <-left; !errors.Is(err, gone) {
			t.Error(err)
		}
		if err := g.Enter(t.Context()); !errors.Is(err, ErrFull) { // the clock runs when all wait
			t.Error(err)
		}
		if g.Waiting() != 0 || g.Running() != 1 {
			t.Errorf("%d wait, %d run", g.Waiting(), g.Running())
		}
	})
}

// A write that gets no permit among all requests does not keep the one among the writes.
func TestTheInnerPermitGoesWithTheOuter(t *testing.T) {
	k := New(Config{MaxConcurrent: 2, Queue: 0, Wait: time.Minute}, prometheus.NewRegistry())
	a, _ := k.Enter(t.Context(), Search)
	b, _ := k.Enter(t.Context(), Search)
	if _, e := k.Enter(t.Context(), Write); e == nil || k.writes.Running() != 0 {
		t.Fatalf("%v, %d writes run", e, k.writes.Running())
	}
	a.Leave()
	w, e := k.Enter(t.Context(), Write)
	if e != nil || k.writes.Running() != 1 || k.all.Running() != 2 {
		t.Fatal(e)
	}
	w.Leave()
	b.Leave()
	if k.writes.Running() != 0 || k.all.Running() != 0 {
		t.Fatal("a permit is lost")
	}
}

func TestConfigIsChecked(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{{0, 1, 1}, {1, -1, 1}, {1, 1, 0}} {
		if c.Validate() == nil {
			t.Errorf("%+v passed", c)
		}
	}
}
