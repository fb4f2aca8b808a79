package probe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/sidecar/engine"
)

// NS-2: three misses in a row take the engine down, two good probes bring it back, the first good one starts it.
func TestNS2Thresholds(t *testing.T) {
	c := Config{}.withDefaults()
	r, run, last, first := Report{}, 0, false, true
	step := func(good, want bool) {
		t.Helper()
		if run++; good != last || first {
			run = 1
		}
		last = good
		r = r.next(c, good, "", time.Now(), first, run)
		first = first && !good
		if r.OK != want || r.Suspect != (want && !good) {
			t.Fatalf("probe %v, run %d: %+v", good, run, r)
		}
	}
	step(false, false)
	step(true, true)
	step(false, true)
	step(false, true)
	step(true, true)
	step(false, true)
	step(false, true)
	step(false, false)
	step(true, false)
	step(false, false)
	step(true, false)
	step(true, true)
}

// What decides soon is looked at soon: a refused connection, and the first answer after a failure (NS-2).
func TestNS2HurriedProbes(t *testing.T) {
	c := Config{}.withDefaults()
	for _, one := range []struct {
		ok, good, refused bool
		want              time.Duration
	}{
		{true, true, false, 5 * time.Second},
		{true, false, true, 250 * time.Millisecond},
		{true, false, false, 5 * time.Second},
		{false, false, true, 5 * time.Second},
		{false, true, false, 250 * time.Millisecond},
	} {
		if got := c.pause(Report{OK: one.ok}, one.good, one.refused); got != one.want {
			t.Errorf("%+v: %s", one, got)
		}
	}
	s := httptest.NewServer(nil)
	e, err := engine.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	p := New(e, func() Config { return c }, zerolog.Nop(), NewMetrics(prometheus.NewRegistry()))
	if good, _, refused := p.once(t.Context()); good || !refused {
		t.Error("no process listens", good, refused)
	}
}

func TestProbeNoticesChanges(t *testing.T) {
	var up atomic.Bool
	up.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(`{"status":"available","pkgVersion":"1.50.0"}`))
	}))
	defer s.Close()
	e, err := engine.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	p := New(e, func() Config { return Config{Interval: time.Millisecond} }, zerolog.Nop(), NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	wait := func(ok bool) {
		t.Helper()
		for {
			r, changed := p.Report()
			if r.OK == ok && (!ok || r.Version == "1.50.0") {
				return
			}
			select {
			case <-changed:
			case <-time.After(30 * time.Second):
				t.Fatalf("ok never became %v", ok)
			}
		}
	}
	wait(true)
	up.Store(false)
	p.Suspect()
	wait(false)
	up.Store(true)
	wait(true)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// NS-2: thresholds that are set while the probe runs count from its next look.
func TestNS2ThresholdsAreFollowed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"available","pkgVersion":"1.50.0"}`))
	}))
	e, err := engine.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	var misses atomic.Int64
	misses.Store(1 << 30)
	p := New(e, func() Config { return Config{Interval: time.Millisecond, Unhealthy: int(misses.Load())} }, zerolog.Nop(), NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	wait := func(what string, is func(Report) bool) {
		t.Helper()
		for {
			r, changed := p.Report()
			if is(r) {
				return
			}
			select {
			case <-changed:
			case <-time.After(30 * time.Second):
				t.Fatalf("never %s: %+v", what, r)
			}
		}
	}
	wait("up", func(r Report) bool { return r.OK })
	s.Close()
	wait("suspect", func(r Report) bool { return r.OK && r.Suspect })
	misses.Store(1)
	wait("down", func(r Report) bool { return !r.OK })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
