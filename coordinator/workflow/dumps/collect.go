package dumps

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
)

// Why a collection ends early.
var (
	errUnavailable = errors.New("a shard has no copy that can be read")
	errCanceled    = errors.New("the task was canceled")
	errGone        = errors.New("the index is gone")
)

// piece is one shard of one index.
type piece struct {
	physical string
	shard    int
}

// collect fetches every shard that is not there yet.
func (c *Creator) collect(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	var missing []piece
	v := c.Views.View()
	for _, physical := range p.Indexes {
		ix := v.Physical[physical]
		if ix == nil || ix.PrimaryKey == "" {
			continue // gone, or without any document so far
		}
		have, err := c.Folder.shards(p.Dump, physical)
		if err != nil {
			return c.broken(p, err)
		}
		for s := range ix.Shards {
			if _, ok := have[s]; !ok {
				missing = append(missing, piece{physical, s})
			}
		}
	}
	err := c.all(ctx, p, missing)
	switch {
	case errors.Is(err, errUnavailable):
		p.Failure = apierr.New(apierr.MiroirShardUnavailable, "Some shards have no copy that can be read. Try again when the nodes are back.")
		return workflow.Enter(phaseConclude)
	case errors.Is(err, errCanceled):
		return c.abandon(p)
	case err != nil:
		return c.broken(p, err)
	}
	return workflow.Enter(phasePack)
}

// broken ends a dump that this machine's disk does not take. Any other error is for another attempt.
func (c *Creator) broken(p *Progress, err error) (workflow.Verdict, error) {
	var disk diskError
	if !errors.As(err, &disk) {
		return workflow.Verdict{}, err
	}
	c.Log.Error().Err(disk).Msg("dump folder failed")
	p.Failure = disk.failure()
	return workflow.Enter(phaseConclude)
}

// all fetches pieces, some at the same time, and stops at the first that fails for good.
func (c *Creator) all(ctx context.Context, p *Progress, pieces []piece) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan piece)
	var wg sync.WaitGroup
	for range min(c.Limits.Parallel, len(pieces)) {
		wg.Go(func() {
			for one := range next {
				if err := c.one(ctx, p, one); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, one := range pieces {
		select {
		case next <- one:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// one fetches a piece from whatever node has it, again and again until it is there.
func (c *Creator) one(ctx context.Context, p *Progress, it piece) error {
	const first, longest = 100 * time.Millisecond, 2 * time.Second
	var since time.Time
	for pause := first; ; pause = min(2*pause, longest) {
		if c.over(p.Task) {
			return errCanceled
		}
		v := c.Views.View()
		ix := v.Physical[it.physical]
		if ix == nil {
			return nil // deleted: the dump does without it
		}
		for _, n := range sources(v, ix, it.shard) {
			err := c.Folder.writeShard(p.Dump, it.physical, it.shard, func(w io.Writer) (int64, error) {
				return c.fetch(ctx, source{n, v.Epoch, ix, it.shard}, w)
			})
			if err == nil || errors.As(err, new(diskError)) || ctx.Err() != nil {
				return err
			}
			if errors.Is(err, errGone) {
				break // the view will say so, or that the node is behind
			}
			c.Metrics.retries.Inc()
			c.Log.Warn().Err(err).Str("node", n.ID).Int("shard", it.shard).Msg("shard not fetched, trying the next copy")
		}
		if now := c.Now(); since.IsZero() {
			since = now
		} else if now.Sub(since) > c.Limits.Unavailable {
			return errUnavailable
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// sources lists the nodes with a complete copy of a shard that answer reads, in an order that spreads shards over them.
func sources(v *routing.View, ix *routing.Index, shard int) []routing.Node {
	var list []routing.Node
	for _, g := range v.ActiveGroups() {
		for _, h := range v.Holders(ix, g, nil) {
			for _, s := range h.Shards {
				if s == shard {
					list = append(list, v.Nodes[h.Node])
				}
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	at := shard % len(list)
	return append(list[at:len(list):len(list)], list[:at]...)
}
