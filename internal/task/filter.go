package task

import (
	"slices"
	"time"
)

// Filter selects tasks as the query parameters of GET /tasks do. A nil list selects everything, an empty one nothing; bounds in time are
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
	case f.UIDs != nil && !slices.Contains(f.UIDs, r.UID),
		f.BatchUIDs != nil && !slices.Contains(f.BatchUIDs, r.UID),
		f.CanceledBy != nil && (r.CanceledBy == nil || !slices.Contains(f.CanceledBy, *r.CanceledBy)),
		f.Types != nil && !slices.Contains(f.Types, r.Type),
		f.Statuses != nil && !slices.Contains(f.Statuses, r.Status),
		f.IndexUIDs != nil && (r.IndexUID == nil || !slices.Contains(f.IndexUIDs, *r.IndexUID)):
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
