package dumps

import (
	"context"
	"errors"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// settle waits for everything that was accepted before the dump was asked for, so that the dump holds it. One Meilisearch
// writes what it has not carried out yet into its dump as it was sent; the nodes of a cluster do not show theirs.
func (c *Creator) settle(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	t, err := c.Store.Task(ctx, p.Task)
	if errors.Is(err, state.ErrNotFound) || err == nil && t.Done() {
		return workflow.Verdict{}, nil
	}
	if err != nil {
		return workflow.Verdict{}, err
	}
	changed, cancel := c.Tasks.Subscribe()
	defer cancel()
	stuck := time.NewTimer(c.Limits.Unavailable)
	defer stuck.Stop()
	for last := -1; ; {
		earlier := before(t, c.Tasks.Open())
		switch {
		case c.over(p.Task):
			return c.abandon(p)
		case earlier == 0:
			p.Indexes = nil
			v := c.Views.View()
			for _, uid := range v.UIDs {
				p.Indexes = append(p.Indexes, v.Indexes[uid].Physical)
			}
			return workflow.Enter(phaseCollect)
		case earlier != last:
			stuck.Reset(c.Limits.Unavailable)
			last = earlier
		}
		select {
		case <-ctx.Done():
			return workflow.Verdict{}, context.Cause(ctx)
		case <-changed:
		case <-stuck.C:
			p.Failure = apierr.New(apierr.DumpProcessFailed, "%d tasks that were enqueued before the dump do not come to an end.", earlier)
			return workflow.Enter(phaseConclude)
		}
	}
}

// before counts the open tasks whose effect belongs into the dump that a task asks for. Uids of different gateways may be
// out of step with time, so both decide.
func before(t task.Record, open []task.Record) (n int) {
	for _, r := range open {
		if r.Type != task.DumpCreation && (r.UID < t.UID || !r.EnqueuedAt.After(t.EnqueuedAt)) {
			n++
		}
	}
	return n
}
