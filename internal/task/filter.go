package task

import (
	"slices"
	"time"
)

// Filter selects tasks as the query parameters of GET /tasks do. An empty list selects everything; bounds in time are
// exclusive.
type Filter struct {
	UIDs       []uint32
	BatchUIDs  []uint32
	CanceledBy []uint32
	Types      []string
	Statuses   []string
	IndexUIDs  []string

	AfterEnqueued, BeforeEnqueued *time.Time
	AfterStarted, BeforeStarted   *time.Time
	AfterFinished, BeforeFinished *time.Time
}

// Match says whether the record passes every part of the filter. A task's batch uid is its uid.
func (f *Filter) Match(r *Record) bool {
	switch {
	case len(f.UIDs) > 0 && !slices.Contains(f.UIDs, r.UID),
		len(f.BatchUIDs) > 0 && !slices.Contains(f.BatchUIDs, r.UID),
		len(f.CanceledBy) > 0 && (r.CanceledBy == nil || !slices.Contains(f.CanceledBy, *r.CanceledBy)),
		len(f.Types) > 0 && !slices.Contains(f.Types, r.Type),
		len(f.Statuses) > 0 && !slices.Contains(f.Statuses, r.Status),
		len(f.IndexUIDs) > 0 && (r.IndexUID == nil || !slices.Contains(f.IndexUIDs, *r.IndexUID)):
		return false
	}
	return within(&r.EnqueuedAt, f.AfterEnqueued, f.BeforeEnqueued) &&
		within(r.StartedAt, f.AfterStarted, f.BeforeStarted) &&
		within(r.FinishedAt, f.AfterFinished, f.BeforeFinished)
}

func within(at, after, before *time.Time) bool {
	if after == nil && before == nil {
		return true
	}
	if at == nil {
		return false
	}
	return (after == nil || at.After(*after)) && (before == nil || at.Before(*before))
}
