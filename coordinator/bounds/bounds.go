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

// Limits are the bounds. Zero values take the defaults of the configuration page, 100 000 each and 50 000 for Activity.
type Limits struct{ Idempotency, Sessions, Activity int }

const (
	most           = 100_000
	mostActivities = 50_000
)

// Keeper keeps the bounds. All fields but Limits must be set.
type Keeper struct {
	Store   Store
	Limits  Limits
	Log     zerolog.Logger
	Metrics *Metrics
}

// Lead works until ctx ends.
func (k *Keeper) Lead(ctx context.Context) error {
	if k.Limits.Idempotency == 0 {
		k.Limits.Idempotency = most
	}
	if k.Limits.Sessions == 0 {
		k.Limits.Sessions = most
	}
	if k.Limits.Activity == 0 {
		k.Limits.Activity = mostActivities
	}
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
	for _, f := range []struct {
		name string
		trim func(context.Context, int) (int, int, error)
		most int
		size prometheus.Gauge
	}{
		{"idempotency", k.Store.TrimIdempotency, k.Limits.Idempotency, k.Metrics.keys},
		{"activity", k.Store.TrimActivity, k.Limits.Activity, k.Metrics.activity},
		{"sessions", k.Store.TrimSessions, k.Limits.Sessions, k.Metrics.sessions},
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
