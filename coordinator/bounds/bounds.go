package bounds

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Scope is the scope whose leader keeps the bounds.
const Scope = "bounds"

// period is how often the families are counted. Between two counts a family may outgrow its bound.
const period = time.Minute

// Store counts and cuts families; *state.Client does. kept is what is left, dropped what was cut.
type Store interface {
	TrimIdempotency(ctx context.Context, most int) (kept, dropped int, err error)
	TrimSessions(ctx context.Context, most int) (kept, dropped int, err error)
	TrimActivity(ctx context.Context, most int) (kept, dropped int, err error)
}

// mostActivities bounds the record of what administrators did.
const mostActivities = 50_000

// Limits are the bounds that are configured.
type Limits struct{ Idempotency, Sessions int }

// Keeper keeps the bounds.
type Keeper struct {
	Store   Store
	Limits  func() Limits // what the configuration says just now
	Log     zerolog.Logger
	Metrics *Metrics
}

// Lead works until ctx ends.
func (k *Keeper) Lead(ctx context.Context) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		k.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// round counts every family and cuts what is too much.
func (k *Keeper) round(ctx context.Context) {
	limits := k.Limits()
	for _, f := range []struct {
		name string
		trim func(context.Context, int) (int, int, error)
		most int
		size prometheus.Gauge
	}{
		{"idempotency", k.Store.TrimIdempotency, limits.Idempotency, k.Metrics.keys},
		{"activity", k.Store.TrimActivity, mostActivities, k.Metrics.activity},
		{"sessions", k.Store.TrimSessions, limits.Sessions, k.Metrics.sessions},
	} {
		kept, dropped, err := f.trim(ctx, f.most)
		if err != nil {
			k.Log.Warn().Err(err).Str("family", f.name).Msg("bound not kept")
			continue
		}
		f.size.Set(float64(kept))
		k.Metrics.dropped.WithLabelValues(f.name).Add(float64(dropped))
		if dropped > 0 {
			k.Log.Info().Str("family", f.name).Int("records", dropped).Msg("records beyond the bound dropped")
		}
	}
}
