package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// taskList is the answer of GET /tasks.
type taskList struct {
	Results []meili.Task `json:"results"`
	Total   int          `json:"total"`
	Limit   uint32       `json:"limit"`
	From    *uint32      `json:"from"`
	Next    *uint32      `json:"next"`
}

func (s *Service) getTask(ctx context.Context, c *call) *reply.Reply {
	uid, e := meili.ParseTaskUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	r, ok := s.Tasks.Get(uid)
	if !ok { // another gateway may have made it a moment ago
		var err error
		if r, err = s.Store.Task(ctx, uid); err != nil {
			return reply.Error(meili.TaskNotFound(c.op.ID))
		}
	}
	return reply.Value(http.StatusOK, view(s.live(ctx, c.view, r)))
}

// live asks the nodes of an open task what became of their part (TK-7). It never writes; tasks that a workflow carries
// out are as their record says.
func (s *Service) live(ctx context.Context, v *routing.View, r task.Record) task.Record {
	if r.Done() || len(r.Targets) == 0 || len(r.Op) > 0 {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	id := []string{task.DispatchID(r.UID)}
	found := make(chan task.Outcome, len(r.Targets))
	asked := 0
	for _, t := range r.Targets {
		n, ok := v.Nodes[t.Node]
		if t.Missed || !ok || !n.Alive {
			continue
		}
		asked++
		go func() {
			o := task.Outcome{Node: t.Node}
			if ds, err := s.Nodes.Dispatches(ctx, n.Address, id); err == nil && ds[0].State != nodeapi.StateUnknown {
				if read, err := task.ReadOutcome(t.Node, ds[0].Task); err == nil {
					o = read
				}
			}
			found <- o
		}()
	}
	outcomes := make([]task.Outcome, 0, asked)
	for range asked {
		outcomes = append(outcomes, <-found)
	}
	return task.Aggregate(r, outcomes)
}

func (s *Service) listTasks(ctx context.Context, c *call) *reply.Reply {
	q, e := meili.ParseTaskQuery(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	out := taskList{Results: []meili.Task{}, Limit: q.Limit}
	var page []task.Record
	more := false
	s.Tasks.Each(q.Reverse, func(r *task.Record) bool {
		if !q.Filter.Count(r) {
			return true
		}
		out.Total++
		if q.From != nil && (!q.Reverse && r.UID > *q.From || q.Reverse && r.UID < *q.From) {
			return true
		}
		if len(page) <= int(q.Limit) {
			page = append(page, *r)
		}
		return true
	})
	// What counts and is not listed takes a place on the page all the same, as in Meilisearch.
	page = slices.DeleteFunc(page, func(r task.Record) bool { return !q.Filter.Match(&r) })
	if len(page) > int(q.Limit) {
		more = true
	}
	for i := range page {
		if i == int(q.Limit) {
			break
		}
		out.Results = append(out.Results, view(s.live(ctx, c.view, page[i])))
	}
	if len(out.Results) > 0 {
		out.From = &page[0].UID
	}
	if more {
		out.Next = &page[q.Limit].UID
	}
	return reply.Value(http.StatusOK, out)
}

// view is the task object that clients see.
func view(r task.Record) meili.Task {
	batch := &r.UID
	if r.Status == task.Enqueued {
		batch = nil
	}
	details := r.Details
	if len(details) == 0 {
		details = json.RawMessage("null")
	}
	return meili.Task{
		UID: r.UID, BatchUID: batch, IndexUID: r.IndexUID, Status: r.Status, Type: r.Type, CanceledBy: r.CanceledBy,
		Details: details, Error: r.Error, EnqueuedAt: r.EnqueuedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		CustomMetadata: r.CustomMetadata,
	}
}

// summarize is the object that answers an enqueued task.
func summarize(r task.Record) meili.SummarizedTask {
	return meili.SummarizedTask{
		TaskUID: r.UID, IndexUID: r.IndexUID, Status: task.Enqueued, Type: r.Type, EnqueuedAt: r.EnqueuedAt,
		CustomMetadata: r.CustomMetadata,
	}
}

func (s *Service) time() time.Time { return time.Now().UTC() }

// logical replaces the physical name of an index in an engine's message by the name that clients know.
func logical(message string, ix *routing.Index) string {
	return strings.ReplaceAll(message, ix.Physical, ix.UID)
}

// refusal is an engine's error as the client shall see it.
func refusal(e *apierr.Error, ix *routing.Index) *reply.Reply { return reply.Error(named(e, ix)) }

// named is an engine's error with the name of the index that clients know.
func named(e *apierr.Error, ix *routing.Index) *apierr.Error {
	e.Message = logical(e.Message, ix)
	return e
}
