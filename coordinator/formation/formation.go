package formation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/detect"
	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// Scope is the scope whose leader admits nodes.
const Scope = "topology"

// Pauses between attempts while the store does not answer.
const (
	retryFirst   = 50 * time.Millisecond
	retryLongest = 2 * time.Second
)

// Shape is what a new cluster is made with.
type Shape struct {
	Groups   int
	Replicas int // copies of every shard inside a group
	Shards   int // of a new index
}

// Founder writes the shape and the first keys; *state.Client does.
type Founder interface {
	EnsureCluster(ctx context.Context, cluster routing.ClusterRecord, groups []routing.GroupRecord) error
	FoundKeys(ctx context.Context, first []key.Record) (created bool, err error)
}

// Found writes the shape of a new cluster down; an existing one keeps its own (CF-10). A cluster without any API key gets
// those that Meilisearch starts with (AU-12). It tries until it works.
func Found(ctx context.Context, store Founder, shape Shape, now time.Time, log zerolog.Logger) error {
	groups := make([]routing.GroupRecord, shape.Groups)
	for i := range groups {
		groups[i] = routing.GroupRecord{V: routing.Version, ID: i, State: routing.GroupActive, RF: shape.Replicas, Since: now}
	}
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		err := store.EnsureCluster(ctx, routing.ClusterRecord{V: routing.Version, Shards: shape.Shards}, groups)
		if err == nil {
			_, err = store.FoundKeys(ctx, key.Defaults(now, uuid.NewString))
		}
		if err == nil || !errors.Is(err, state.ErrUnavailable) {
			return err
		}
		log.Warn().Err(err).Msg("cluster not written down yet")
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Store admits nodes; *state.Client does.
type Store interface {
	AdmitNode(ctx context.Context, id string) error
}

// Admitter admits joining nodes.
type Admitter struct {
	Views Views
	Store Store
	Log   zerolog.Logger

	admitted map[string]bool // and not seen as such in a view yet
}

// Lead admits nodes as they become admissible, until ctx ends.
func (a *Admitter) Lead(ctx context.Context) error {
	changed, cancel := a.Views.Subscribe()
	defer cancel()
	a.admitted = map[string]bool{}
	for {
		var again <-chan time.Time
		if !a.admit(ctx) {
			again = time.After(retryLongest)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-again:
		}
	}
}

// admit does what is to do now; done is false when some of it failed.
func (a *Admitter) admit(ctx context.Context) (done bool) {
	done = true
	for _, id := range detect.Admissible(view.Snapshot{Routing: a.Views.View()}) {
		if a.admitted[id] {
			continue
		}
		if err := a.Store.AdmitNode(ctx, id); err != nil {
			if ctx.Err() == nil {
				a.Log.Warn().Err(err).Str("node", id).Msg("node not admitted yet")
			}
			done = false
			continue
		}
		a.admitted[id] = true
		a.Log.Info().Str("node", id).Msg("node admitted")
	}
	return done
}
