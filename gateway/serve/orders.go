package serve

import (
	"context"
	"slices"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/task"
)

// orderTasks serves POST /tasks/cancel and DELETE /tasks: it selects tasks and records the order; a coordinator carries it
// out. What is selected is decided here once and for all: tasks that the filter matches, that the request may see, and that
// are older than the order.
func (s *Service) orderTasks(ctx context.Context, c *call) *reply.Reply {
	kind, parse := task.TaskDeletion, meili.ParseTaskDeletion
	if c.op.Kind == operation.CancelTasks {
		kind, parse = task.TaskCancelation, meili.ParseTaskCancelation
	}
	filter, e := parse(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	r, err := s.newTask(ctx, c, kind, nil)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	if err := s.Tasks.Sync(ctx); err != nil {
		return s.stateReply(ctx, err)
	}
	s.refresh(ctx, c)
	var uids, ended []uint32
	s.Tasks.Each(true, func(t *task.Record) bool {
		now := s.told.latest(t)
		if now.UID < r.UID && filter.Match(now) && c.sees(now) {
			uids = append(uids, now.UID)
			if now.Done() && !t.Done() {
				ended = append(ended, now.UID)
			}
		}
		return t.UID < r.UID
	})
	if r.Op, r.Details, err = task.NewOrder(kind, uids, ended, c.Query); err != nil {
		return s.stateReply(ctx, err)
	}
	if err := s.record(ctx, c, &r); err != nil {
		return s.stateReply(ctx, err)
	}
	return enqueued(r)
}

// unrecorded lists the tasks that have ended though nobody has recorded it yet.
func (s *Service) unrecorded(ctx context.Context, c *call) (uids []uint32) {
	s.refresh(ctx, c)
	s.Tasks.Each(true, func(t *task.Record) bool {
		if !t.Done() && s.told.latest(t).Done() {
			uids = append(uids, t.UID)
		}
		return true
	})
	return uids
}

// maxRefreshed bounds the tasks of one question to the nodes.
const maxRefreshed = 500

// refresh asks the nodes about all open tasks, so that an order knows which have ended though nobody has recorded it yet:
// a client that saw a task succeed, here or at another gateway, may select it as succeeded.
func (s *Service) refresh(ctx context.Context, c *call) {
	var open []task.Record
	s.Tasks.Each(true, func(t *task.Record) bool {
		if !t.Done() {
			open = append(open, *t)
		}
		return true
	})
	for some := range slices.Chunk(open, maxRefreshed) {
		s.live(ctx, c.view, some...)
	}
}
