package serve

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/tuning"
)

// set changes what is configured for a service.
func set(s *Service, change func(*tuning.Live)) {
	next := *s.tuned()
	change(&next)
	s.Tuning = func() *tuning.Live { return &next }
}

// F6, F10: sessions and idempotency keys are live configuration: what is set in the store holds at every gateway for the requests
// after it, without anybody being started anew.
func TestF6SessionsAndKeysAreSetLive(t *testing.T) {
	gateways, _ := grouped(t, 2, 1)
	var watches []*state.TuningWatch
	for _, s := range gateways {
		watch, err := s.Store.WatchTuning(t.Context(), zerolog.New(io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		s.Tuning, watches = watch.Live, append(watches, watch)
	}
	// patch sets values and waits until every gateway has them.
	patch := func(values string, there func(*tuning.Live) bool) {
		t.Helper()
		if _, err := gateways[0].Store.SetTuning(t.Context(), json.RawMessage(values)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for _, w := range watches {
			changed, leave := w.Subscribe()
			for !there(w.Live()) {
				select {
				case <-changed:
				case <-ctx.Done():
					t.Fatal(context.Cause(ctx))
				}
			}
			leave()
		}
	}
	read := func(s *Service) http.Header {
		t.Helper()
		return askWith(t, s, masterKey, in("s"), "GET", docs, nil).Header
	}
	writeIn(t, gateways[0], "s")
	patch(`{"session_pinning":{"wait_strategy":"route_pin"}}`, func(l *tuning.Live) bool { return !l.SessionPinning.Waits() })
	if h := read(gateways[1]); h.Get(headerSession) != "s" || h.Get("X-Miroir-Session-Stale") != "" {
		t.Errorf("route_pin: %v", h)
	}
	patch(`{"session_pinning":{"wait_strategy":"block","max_wait_ms":1,"on_timeout":"error"}}`, func(l *tuning.Live) bool { return l.SessionPinning.MaxWaitMs == 1 })
	if r := askWith(t, gateways[1], masterKey, in("s"), "GET", docs, nil); r.Status != http.StatusGatewayTimeout {
		t.Errorf("error: %d %s", r.Status, r.Body)
	}
	patch(`{"session_pinning":{"enabled":false}}`, func(l *tuning.Live) bool { return !l.SessionPinning.Enabled })
	if h := read(gateways[1]); h.Get(headerSession) != "" {
		t.Errorf("switched off: %v", h)
	}

	key := http.Header{headerIdempotency: {"k"}}
	write := func() *apierr.Error {
		t.Helper()
		r := askWith(t, gateways[1], masterKey, key, "POST", "/indexes/a/documents/delete-batch", []int{1})
		if r.Status == http.StatusAccepted {
			return nil
		}
		e := decode[apierr.Error](t, r)
		return &e
	}
	patch(`{"idempotency":{"enabled":false}}`, func(l *tuning.Live) bool { return !l.Idempotency.Enabled })
	if e := write(); e == nil || e.Code != apierr.FeatureNotEnabled {
		t.Errorf("keys are switched off: %v", e)
	}
	patch(`{"idempotency":{"enabled":true}}`, func(l *tuning.Live) bool { return l.Idempotency.Enabled })
	if e := write(); e != nil {
		t.Errorf("keys are on: %v", e)
	}
}
