package serve

import (
	"context"

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
		return s.stateReply(err)
	}
	if err := s.Tasks.Sync(ctx); err != nil {
		return s.stateReply(err)
	}
	var uids []uint32
	s.Tasks.Each(true, func(t *task.Record) bool {
		if t.UID < r.UID && filter.Match(t) && c.sees(t) {
			uids = append(uids, t.UID)
		}
		return t.UID < r.UID
	})
	if r.Op, r.Details, err = task.NewOrder(kind, uids, c.Query); err != nil {
		return s.stateReply(err)
	}
	if err := s.record(ctx, c, &r); err != nil {
		return s.stateReply(err)
	}
	return enqueued(r)
}
