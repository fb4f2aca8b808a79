package finisher

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// end does everything that belongs to the end of a task. Whatever comes first can be done twice.
func (f *Finisher) end(ctx context.Context, r task.Record, d Decision) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if err := f.mark(ctx, r, d); err != nil {
		return err
	}
	if err := f.adopt(ctx, r); err != nil {
		return err
	}
	finished, err := f.Store.FinishTask(ctx, r)
	if err != nil || !finished {
		return err
	}
	f.Metrics.never.Add(float64(len(d.Never)))
	f.Metrics.finished.WithLabelValues(r.Status).Inc()
	f.Metrics.age.Observe(f.Now().Sub(r.EnqueuedAt).Seconds())
	return nil
}

// mark marks the copies that lack what others have. An index that is gone has none.
func (f *Finisher) mark(ctx context.Context, r task.Record, d Decision) error {
	if len(d.Behind) == 0 {
		return nil
	}
	miss := state.Miss{From: r.Stamp, Placed: true, Reason: "a write ended otherwise than elsewhere"}
	placed := f.Views.View().Physical[r.Physical]
	err := f.Store.MarkMissed(ctx, r.Physical, miss, func(dirty state.DirtyFunc) state.Marking {
		return marking(placed, d.Behind, d.Carried, dirty)
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// adopt lets the catalog take over what a task changed on the nodes: the primary key that an index update set.
func (f *Finisher) adopt(ctx context.Context, r task.Record) error {
	if r.Type != task.IndexUpdate || r.Status != task.Succeeded {
		return nil
	}
	var details struct {
		PrimaryKey *string `json:"primaryKey"`
	}
	ix := f.Views.View().Physical[r.Physical]
	if ix == nil || json.Unmarshal(r.Details, &details) != nil || details.PrimaryKey == nil || *details.PrimaryKey == ix.PrimaryKey {
		return nil
	}
	_, err := f.Store.UpdateIndex(ctx, ix.UID, func(rec *routing.IndexRecord) error {
		if rec.Physical == r.Physical {
			rec.PrimaryKey, rec.UpdatedAt = *details.PrimaryKey, f.Now()
		}
		return nil
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil // deleted meanwhile
	}
	return err
}
