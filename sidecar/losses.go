package sidecar

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// maxLosses bounds the losses that wait to be written down.
const maxLosses = 1024

// losses marks the node's own copies dirty when it finds that they may differ from the others.
type losses struct {
	store *state.Client
	views interface{ View() *routing.View }
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
			left, err := l.mark(ctx, one)
			if err == nil && len(left) > 0 {
				l.log.Error().Ints("shards", left).Str("reason", one.miss.Reason).Msg("copies that missed a write are the only complete ones, and stay")
			}
			return err
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			l.log.Error().Err(err).Msg("copies could not be marked")
			continue
		}
		l.log.Warn().Int("copies", len(one.shards)).Str("reason", one.miss.Reason).Msg("copies marked for repair")
	}
}

// mark marks the node's copies, and returns those that stay because they are the last complete ones. Without a complete copy
// the fullest would be taken for one, whatever it missed; the others are made equal to this one instead.
func (l *losses) mark(ctx context.Context, one loss) (left []int, err error) {
	ix, placed := l.views.View().Physical[one.index]
	if !placed {
		return nil, nil
	}
	err = l.store.MarkMissed(ctx, one.index, one.miss, func(dirty state.DirtyFunc) (m state.Marking) {
		m, left = yield(ix, l.node, one.shards, dirty)
		return m
	})
	return left, err
}

// yield decides which of a node's copies are marked: those of which another copy is complete, and those that are marked
// already, whose repair has not seen this. Where none is complete but this one, the others are marked again, for their repair
// may have seen what is wrong here, or what was there before.
func yield(ix *routing.Index, node string, shards []int, dirty state.DirtyFunc) (m state.Marking, left []int) {
	m = state.Marking{Nodes: map[string][]int{}, Keep: map[int]string{}}
	for _, shard := range shards {
		keep := ""
		var others []string
		for _, byShard := range ix.Placement.Groups {
			if shard >= len(byShard) {
				continue
			}
			for _, c := range byShard[shard] {
				switch {
				case c.Node == node:
				case dirty(shard, c.Node):
					others = append(others, c.Node)
				case c.State != routing.CopyBuilding:
					keep = c.Node
				}
			}
		}
		switch {
		case keep != "":
			m.Nodes[node], m.Keep[shard] = append(m.Nodes[node], shard), keep
		case dirty(shard, node):
			m.Nodes[node] = append(m.Nodes[node], shard)
		default:
			left = append(left, shard)
			for _, other := range others {
				m.Nodes[other] = append(m.Nodes[other], shard)
			}
		}
	}
	return m, left
}
