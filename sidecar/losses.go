package sidecar

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/state"
)

// maxLosses bounds the losses that wait to be written down.
const maxLosses = 1024

// losses marks the node's own copies dirty when it finds that they may differ from the others.
type losses struct {
	store *state.Client
	node  string
	log   zerolog.Logger
	told  chan loss
}

type loss struct {
	index  string
	shards []int
	miss   state.Miss
}

// tell takes a loss over. It waits while too many are not written down yet.
func (l *losses) tell(ctx context.Context, index string, shards []int, from hlc.Stamp, reason string) {
	select {
	case l.told <- loss{index, shards, state.Miss{From: from, Reason: reason}}:
	case <-ctx.Done():
	}
}

// run writes losses down, each until it is, and ends with ctx. What is not written down then is found again: the journal
// still has what is out of order when the next process looks at it.
func (l *losses) run(ctx context.Context) error {
	for {
		var one loss
		select {
		case <-ctx.Done():
			return nil
		case one = <-l.told:
		}
		err := retry(ctx, l.log, "copies not marked yet", func() error {
			return l.store.MarkDirty(ctx, one.index, l.node, one.shards, one.miss)
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			l.log.Error().Err(err).Msg("copies could not be marked")
			continue
		}
		l.log.Warn().Int("copies", len(one.shards)).Str("reason", one.miss.Reason).Msg("copies marked for repair")
	}
}
