package task

import (
	"encoding/json"
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

// Match says whether the record passes every part of the filter. A task's batch uid is its uid. A filter by index passes
// only tasks of one index, which a swap is not, whatever it exchanges.
func (f *Filter) Match(r *Record) bool {
	return f.Count(r) && (f.IndexUIDs == nil || r.IndexUID != nil)
}

// Count says whether the record counts for the total of a list. As in Meilisearch a swap counts for the indexes that it
// exchanges, though the list has it not.
func (f *Filter) Count(r *Record) bool {
	switch {
	case f.UIDs != nil && !slices.Contains(f.UIDs, r.UID),
		f.BatchUIDs != nil && !slices.Contains(f.BatchUIDs, r.UID),
		f.CanceledBy != nil && (r.CanceledBy == nil || !slices.Contains(f.CanceledBy, *r.CanceledBy)),
		f.Types != nil && !slices.Contains(f.Types, r.Type),
		f.Statuses != nil && !slices.Contains(f.Statuses, r.Status),
		f.IndexUIDs != nil && !slices.ContainsFunc(r.indexes(), func(uid string) bool { return slices.Contains(f.IndexUIDs, uid) }):
		return false
	}
	return within(&r.EnqueuedAt, f.AfterEnqueued, f.BeforeEnqueued) &&
		within(r.StartedAt, f.AfterStarted, f.BeforeStarted) &&
		within(r.FinishedAt, f.AfterFinished, f.BeforeFinished)
}

// MatchBatch says whether the record's batch passes every part of the filter: there is one for every task that was
// started, and what a cancelation stopped belongs to the batch of the cancelation.
func (f *Filter) MatchBatch(r *Record) bool {
	return f.CountBatch(r) && (f.IndexUIDs == nil || r.IndexUID != nil)
}

// CountBatch is Count for batches.
func (f *Filter) CountBatch(r *Record) bool {
	if r.Status == Enqueued || f.CanceledBy != nil &&
		(r.Type != TaskCancelation || r.Status != Succeeded || !slices.Contains(f.CanceledBy, r.UID)) {
		return false
	}
	rest := *f
	rest.CanceledBy = nil
	return rest.Count(r)
}

// Visible says whether somebody who may touch only some indexes may see the task: one that is about a single index, under
// names that are all allowed. Of a task that came by an alias it is enough that the index behind it is allowed.
func (r *Record) Visible(allowed func(index string) bool) bool {
	if r.Resolved != "" && r.IndexUID != nil && (allowed(*r.IndexUID) || allowed(r.Resolved)) {
		return true
	}
	return r.IndexUID != nil && !slices.ContainsFunc(r.indexes(), func(uid string) bool { return !allowed(uid) })
}

// indexes lists the indexes that a task is about: a swap names none as its own, but is about all that it exchanges, and an
// index that gets another name goes by both, as one that was called by an alias does.
func (r *Record) indexes() []string {
	uids := r.named()
	if r.Resolved != "" {
		uids = append(uids, r.Resolved)
	}
	return uids
}

func (r *Record) named() []string {
	switch {
	case r.IndexUID != nil && r.Type == IndexUpdate:
		var details struct {
			NewIndexUID *string `json:"newIndexUid"`
		}
		if json.Unmarshal(r.Details, &details) == nil && details.NewIndexUID != nil {
			return []string{*r.IndexUID, *details.NewIndexUID}
		}
		return []string{*r.IndexUID}
	case r.IndexUID != nil:
		return []string{*r.IndexUID}
	case r.Type != IndexSwap:
		return nil
	}
	var details struct {
		Swaps []struct {
			Indexes []string `json:"indexes"`
		} `json:"swaps"`
	}
	if json.Unmarshal(r.Details, &details) != nil {
		return nil
	}
	var uids []string
	for _, swap := range details.Swaps {
		uids = append(uids, swap.Indexes...)
	}
	return uids
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
