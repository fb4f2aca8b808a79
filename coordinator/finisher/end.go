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
	for node, shards := range d.Behind {
		if err := f.Store.MarkDirty(ctx, r.Physical, node, shards, state.Miss{From: r.Stamp, Reason: "a write ended otherwise than elsewhere"}); err != nil {
			return err
		}
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
