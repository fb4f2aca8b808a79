package tasklist

import (
	"context"
	"errors"

	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// mark writes into every open task that a cancelation selected that it is to be stopped, and returns those that were not
// marked before.
func (l *List) mark(ctx context.Context, c task.Record) (fresh []task.Record, err error) {
	uids, err := selected(c)
	if err != nil {
		return nil, err
	}
	for _, uid := range uids {
		r, ok := l.Tasks.Get(uid)
		if !ok || uid >= c.UID || r.Canceling != nil || !r.Cancelable() {
			continue
		}
		by := c.UID
		r, err = l.Store.AmendTask(ctx, uid, func(r *task.Record) {
			if r.Canceling == nil {
				r.Canceling = &by
			}
		})
		if errors.Is(err, state.ErrNotFound) {
			continue // it ended meanwhile
		}
		if err != nil {
			return fresh, err
		}
		fresh = append(fresh, r)
	}
	if c.Status == task.Enqueued {
		_, err = l.begin(ctx, c, func(*task.Record) {})
	}
	return fresh, err
}

// selected lists the tasks that an order is about, ascending.
func selected(r task.Record) ([]uint32, error) {
	o, err := r.Ordered()
	if err != nil {
		return nil, err
	}
	return task.ParseUIDs(o.Tasks)
}

// concludeCancelation ends a cancelation when nothing more can come of it now. Only then it is known how many tasks it
// stopped: those that say so.
func (l *List) concludeCancelation(ctx context.Context, c task.Record) error {
	if c.Status == task.Enqueued {
		return nil // it was marked in this round: what the cache shows is older
	}
	uids, err := selected(c)
	if err != nil {
		return err
	}
	canceled := 0
	for _, uid := range uids {
		r, ok := l.Tasks.Get(uid)
		switch {
		case !ok || uid >= c.UID:
		case r.Done():
			if r.CanceledBy != nil && *r.CanceledBy == c.UID {
				canceled++
			}
		case r.Canceling == nil && r.Cancelable(), r.Canceling != nil && *r.Canceling == c.UID && !l.settled(r):
			return nil
		}
	}
	return l.end(ctx, c, canceled)
}
