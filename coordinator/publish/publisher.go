package publish

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/snapshot"
)

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Envoys takes configurations; the xDS server does.
type Envoys interface {
	Publish(cfg ir.Config, revision int64) error
}

// Publisher keeps Envoys at the newest view.
type Publisher struct {
	Views  Views
	Envoys Envoys
	Fixed  Fixed
	Log    zerolog.Logger
}

// Run publishes until ctx ends. A view without an epoch is the one of an empty store and says nothing.
func (p *Publisher) Run(ctx context.Context) error {
	changed, cancel := p.Views.Subscribe()
	defer cancel()
	for {
		if v := p.Views.View(); v.Epoch > 0 {
			p.publish(v)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (p *Publisher) publish(v *routing.View) {
	cfg, err := Config(v, p.Fixed)
	if err != nil {
		p.Log.Error().Err(err).Msg("some nodes cannot be routed to")
	}
	// A change of the view that no revision of its own belongs to repeats the last one; the server knows it has that.
	if err := p.Envoys.Publish(cfg, v.Epoch); err != nil && !errors.Is(err, snapshot.ErrStale) {
		p.Log.Error().Err(err).Msg("configuration not published, the last one stays")
	}
}
