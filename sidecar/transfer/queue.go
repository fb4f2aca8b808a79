package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/sidecar/engine"
)

const (
	pollFirst   = 5 * time.Millisecond
	pollLongest = 200 * time.Millisecond
)

// passed returns when the engine is done with all tasks of an index up to a number, and the journal knows how they ended.
func (n Node) passed(ctx context.Context, index string, task uint32) error {
	if err := passed(ctx, n.Engine, index, task); err != nil {
		return err
	}
	return n.Replica.Hear(ctx, index)
}

// passed returns when the engine is done with all tasks of an index up to a number.
func passed(ctx context.Context, e *engine.Client, index string, task uint32) error {
	for pause := pollFirst; ; pause = min(2*pause, pollLongest) {
		oldest, ok, err := e.LatestTask(ctx, index, "", []string{"enqueued", "processing"}, true)
		if err != nil {
			return fmt.Errorf("wait for engine: %w", err)
		}
		if !ok || oldest.UID > task {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// drained returns when the engine is done with everything of an index that it had when this was called, and the journal
// knows how it ended.
func (n Node) drained(ctx context.Context, index string) error {
	newest, ok, err := n.Engine.LatestTask(ctx, index, "", nil, false)
	if err != nil {
		return fmt.Errorf("wait for engine: %w", err)
	}
	if !ok {
		return nil
	}
	return n.passed(ctx, index, newest.UID)
}
