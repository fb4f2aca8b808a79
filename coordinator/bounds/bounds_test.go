package bounds

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
)

// counts is a store that counts.
type counts struct {
	keys, sessions int
	broken         bool
	stop           context.CancelFunc
}

func trim(have *int, most int) (int, int, error) {
	dropped := max(0, *have-most)
	*have -= dropped
	return *have, dropped, nil
}

func (c *counts) TrimIdempotency(_ context.Context, most int) (int, int, error) {
	if c.broken {
		return 0, 0, errors.New("no answer")
	}
	return trim(&c.keys, most)
}

func (c *counts) TrimActivity(context.Context, int) (int, int, error) { return 5, 0, nil }

func (c *counts) TrimSessions(_ context.Context, most int) (int, int, error) {
	defer c.stop()
	return trim(&c.sessions, most)
}

// F6, F10: both families are cut to their bounds, one without the other too, and counted.
func TestF10Bounds(t *testing.T) {
	for _, broken := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		store := &counts{keys: 100_007, sessions: 12, broken: broken, stop: cancel}
		k := &Keeper{Store: store, Limits: func() Limits { return Limits{Idempotency: 100_000, Sessions: 10} }, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry())}
		if err := k.Lead(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		keys, lost := 100_000.0, 7.0
		if broken {
			keys, lost = 0, 0
		}
		if got := testutil.ToFloat64(k.Metrics.keys); got != keys {
			t.Errorf("%v keys", got)
		}
		if got := testutil.ToFloat64(k.Metrics.dropped.WithLabelValues("idempotency")); got != lost {
			t.Errorf("%v keys dropped", got)
		}
		if got := testutil.ToFloat64(k.Metrics.activity); got != 5 {
			t.Errorf("%v activities", got)
		}
		if got := testutil.ToFloat64(k.Metrics.sessions); got != 10 {
			t.Errorf("%v sessions", got)
		}
	}
}
