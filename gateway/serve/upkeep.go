package serve

import (
	"context"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/task"
)

// createSnapshot records the task for which a coordinator has every engine take a snapshot of itself.
func (s *Service) createSnapshot(ctx context.Context, c *call) *reply.Reply {
	r, err := s.newTask(ctx, c, task.SnapshotCreation, nil)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	return s.keepUp(ctx, c, r)
}

// compactIndex records the task for which a coordinator has the engines compact their part of an index, one after the other.
func (s *Service) compactIndex(ctx context.Context, c *call) *reply.Reply {
	r, err := s.newTask(ctx, c, task.IndexCompaction, struct{}{})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	ix, e := c.index()
	if e != nil {
		return s.finished(ctx, c, r, e)
	}
	r.Physical = ix.Physical
	return s.keepUp(ctx, c, r)
}

func (s *Service) keepUp(ctx context.Context, c *call, r task.Record) *reply.Reply {
	r = task.NewUpkeep(r)
	if err := s.record(ctx, c, &r); err != nil {
		return s.stateReply(ctx, err)
	}
	return enqueued(r)
}
