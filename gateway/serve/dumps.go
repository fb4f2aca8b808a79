package serve

import (
	"context"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// createDump records the task that a coordinator with a folder for dumps carries out.
func (s *Service) createDump(ctx context.Context, c *call) *reply.Reply {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	present, err := s.Store.Coordinators(ctx)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	if e := dumpsRefused(present); e != nil {
		return reply.Error(e)
	}
	r, err := s.newTask(ctx, c, task.DumpCreation, nil)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	r = task.NewDump(r.UID, c.now)
	if err := s.record(ctx, c, &r); err != nil {
		return s.stateReply(ctx, err)
	}
	return enqueued(r)
}

// dumpsRefused says why no dump can be taken; nil when one can. Whether dumps are written is a matter of how the coordinators
// that are present were started.
func dumpsRefused(present map[string]state.CoordinatorRecord) *apierr.Error {
	for _, one := range present {
		if one.Dumps {
			return nil
		}
	}
	if len(present) == 0 {
		return apierr.New(apierr.MiroirStateUnavailable, "No coordinator is up to take a dump. Try again later.")
	}
	return apierr.New(apierr.MiroirRouteUnsupported, "No coordinator has a folder for dumps; see `--dump-dir`.")
}
