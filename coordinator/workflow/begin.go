package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// TaskStore keeps tasks; *state.Client does.
type TaskStore interface {
	Task(ctx context.Context, uid uint32) (task.Record, error)
	UpdateTask(ctx context.Context, r task.Record) error
	FinishTask(ctx context.Context, r task.Record) (finished bool, err error)
}

// Begin marks a task as taken up at the given time, as often as a step asks for it. open is false when there is nothing to do any
// more: the task was canceled, or has ended.
func Begin(ctx context.Context, store TaskStore, uid uint32, at time.Time) (open bool, err error) {
	t, err := store.Task(ctx, uid)
	if errors.Is(err, state.ErrNotFound) || err == nil && t.Done() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t.Status, t.StartedAt = task.Processing, &at
	if err := store.UpdateTask(ctx, t); err != nil && !errors.Is(err, state.ErrConflict) {
		return false, err
	}
	return true, nil
}
