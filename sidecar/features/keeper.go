package features

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
)

// Engine is the node's engine; *engine.Client is one.
type Engine interface {
	Call(ctx context.Context, method, path string, in, out any) error
}

// Views is where the committed features come from; *state.ViewWatch is one.
type Views interface {
	View() *routing.View
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Pauses between two looks at the engine.
const (
	period       = 30 * time.Second
	retryFirst   = 100 * time.Millisecond
	retryLongest = 5 * time.Second
)

const path = "/experimental-features"

// Keeper keeps one engine's features. All fields must be set.
type Keeper struct {
	Engine  Engine
	Views   Views
	Now     func() time.Time
	Log     zerolog.Logger
	Metrics *Metrics
}

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	changed, cancel := k.Views.Subscribe()
	defer cancel()
	next := time.NewTimer(0)
	defer next.Stop()
	var known routing.FeaturesRecord
	pause := retryFirst
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			rec := k.Views.View().Features
			if rec.UpdatedAt.Equal(known.UpdatedAt) && rec.Pending == known.Pending {
				continue // the view changed elsewhere
			}
			next.Reset(0)
		case <-next.C:
			known = k.Views.View().Features
			if busy := known.Busy(k.Now()); !busy.IsZero() {
				next.Reset(busy.Sub(k.Now()))
				continue
			}
			if err := k.keep(ctx, known); err != nil {
				k.Log.Debug().Err(err).Msg("engine's features not kept yet")
				next.Reset(pause)
				pause = min(2*pause, retryLongest)
				continue
			}
			pause = retryFirst
			next.Reset(period)
		}
	}
}

// keep sets what the engine has otherwise than committed. Features that the engine does not know are left out. Where nothing
// was ever committed the engine may have what it likes.
func (k *Keeper) keep(ctx context.Context, rec routing.FeaturesRecord) error {
	if rec.V == 0 {
		return nil
	}
	var shown map[string]*bool
	if err := k.Engine.Call(ctx, http.MethodGet, path, nil, &shown); err != nil {
		return err
	}
	change := map[string]bool{}
	for name, is := range shown {
		if want := rec.Features[name]; is != nil && *is != want || is == nil && want {
			change[name] = want
		}
	}
	if len(change) == 0 {
		return nil
	}
	if err := k.Engine.Call(ctx, http.MethodPatch, path, change, nil); err != nil {
		return err
	}
	k.Metrics.repaired.Add(float64(len(change)))
	k.Log.Info().Int("features", len(change)).Msg("engine's features set as committed")
	return nil
}
