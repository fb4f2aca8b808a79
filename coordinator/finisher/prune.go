package finisher

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/task"
)

// aged is a finished task on the scale that retention goes by.
type aged struct {
	uid uint32
	at  time.Time
}

// prune forgets what Expired lists.
func (l *loop) prune(ctx context.Context) {
	var list []aged
	l.Tasks.Each(true, func(r *task.Record) bool {
		if r.Done() {
			at := r.EnqueuedAt
			if r.FinishedAt != nil {
				at = *r.FinishedAt
			}
			list = append(list, aged{r.UID, at})
		}
		return true
	})
	l.Metrics.retention.Set(float64(len(list)) / float64(l.Limits.MaxRecords))
	gone := expired(list, l.Limits, l.Now())
	if len(gone) == 0 {
		return
	}
	if err := l.Store.DeleteTasks(ctx, gone); err != nil {
		l.Log.Warn().Err(err).Msg("finished tasks not pruned")
		return
	}
	l.Metrics.pruned.Add(float64(len(gone)))
	l.Log.Info().Int("tasks", len(gone)).Msg("finished tasks pruned")
}

// expired lists the finished tasks that are too old or too many, oldest first (TK-9).
func expired(list []aged, limits Limits, now time.Time) []uint32 {
	slices.SortFunc(list, func(a, b aged) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.uid, b.uid)) })
	surplus := len(list) - limits.MaxRecords
	var gone []uint32
	for i, a := range list {
		if i >= surplus && now.Sub(a.at) <= limits.Retention {
			break
		}
		gone = append(gone, a.uid)
	}
	return gone
}
