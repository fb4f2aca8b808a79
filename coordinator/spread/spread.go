package spread

import (
	"context"
	"time"

	"github.com/miroir-search/miroir/internal/state"
)

// Bounds of the wait for gateways.
const (
	patience  = 10 * time.Second
	pollFirst = 3 * time.Millisecond
	pollMost  = 50 * time.Millisecond
)

// Gateways lists those that are present; *state.Client does.
type Gateways interface {
	Gateways(ctx context.Context) (map[string]state.GatewayRecord, error)
}

// Spread says who works by a change.
type Spread struct {
	Propagated bool // every gateway that is present does
	Acked      int  // gateways that do
	Fenced     int  // gateways that were present at the change and have not said that they do
}

// Wait returns when every gateway that is present works by the view of a revision, or after ten seconds.
func Wait(ctx context.Context, store Gateways, revision int64) Spread {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	first := map[string]bool{} // present at the change
	for pause := pollFirst; ; pause = min(2*pause, pollMost) {
		present, err := store.Gateways(ctx)
		s := Spread{Propagated: err == nil}
		if err == nil {
			for id, g := range present {
				first[id] = true
				if g.Epoch >= revision {
					s.Acked++
				} else {
					s.Propagated = false
				}
			}
		}
		s.Fenced = len(first) - s.Acked
		if s.Propagated {
			return s
		}
		select {
		case <-ctx.Done():
			return s
		case <-time.After(pause):
		}
	}
}
