package serve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/taskview"
)

// taskList is the answer of GET /tasks and GET /batches.
type taskList[T any] struct {
	Results []T     `json:"results"`
	Total   int     `json:"total"`
	Limit   uint32  `json:"limit"`
	From    *uint32 `json:"from"`
	Next    *uint32 `json:"next"`
}

func (s *Service) getTask(ctx context.Context, c *call) *reply.Reply {
	uid, e := meili.ParseTaskUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	r, ok, err := s.task(ctx, c, uid)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	if !ok {
		return reply.Error(meili.TaskNotFound(uid))
	}
	return reply.Value(http.StatusOK, s.shown(ctx, s.live(ctx, c.view, r)[0]))
}

// task finds a task that the request may see.
func (s *Service) task(ctx context.Context, c *call, uid uint32) (r task.Record, ok bool, err error) {
	if r, ok = s.Tasks.Get(uid); !ok { // it may have been made a moment ago
		ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
		defer cancel()
		if r, err = s.Store.Task(ctx, uid); errors.Is(err, state.ErrNotFound) {
			return r, false, nil
		}
		if err == nil && r.Done() { // nobody hears of its end before the view shows it
			r, err = s.Tasks.Wait(ctx, uid, func(r task.Record) bool { return r.Done() })
		}
	}
	return r, err == nil && c.sees(&r), err
}

// sees says whether the request may see a task (AU-13).
func (c *call) sees(r *task.Record) bool {
	return c.grant.AllIndexes() || r.Visible(func(uid string) bool { return c.grant.Index(uid) })
}

// live asks the nodes of open tasks what became of their parts, every node once (TK-7). It never writes; tasks that a
// workflow carries out are as their record says. Nodes may have ended a task of which this gateway's view shows nothing yet (TK-10):
// nobody hears of that before it does.
func (s *Service) live(ctx context.Context, v *routing.View, records ...task.Record) []task.Record {
	byNode := map[string][]*task.Record{}
	for i := range records {
		r := &records[i]
		if r.Done() || len(r.Op) > 0 {
			continue
		}
		for _, t := range r.Targets {
			if !t.Missed && v.Nodes[t.Node].Alive {
				byNode[t.Node] = append(byNode[t.Node], r)
			}
		}
	}
	if len(byNode) == 0 {
		return records
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	outcomes := map[uint32][]task.Outcome{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for node, parts := range byNode {
		all.Go(func() {
			found, err := s.Nodes.Dispatches(ctx, v.Nodes[node].Address, dispatchIDs(parts))
			if err != nil {
				return // what a node does not tell in time stays as it was
			}
			mu.Lock()
			defer mu.Unlock()
			for i, d := range found {
				if d.State == nodeapi.StateUnknown {
					continue
				}
				if o, err := task.ReadOutcome(node, d.Task); err == nil {
					uid := parts[i].UID
					outcomes[uid] = append(outcomes[uid], o)
				}
			}
		})
	}
	all.Wait()
	now := make([]task.Record, len(records))
	for i, r := range records {
		if now[i] = task.Aggregate(r, outcomes[r.UID]); r.Done() {
			continue
		}
		if now[i].Done() && !s.Tasks.InView(r.UID) {
			now[i] = r
		}
		s.told.tell(now[i])
	}
	return now
}

func dispatchIDs(tasks []*task.Record) []string {
	ids := make([]string, len(tasks))
	for i, r := range tasks {
		ids[i] = r.DispatchID()
	}
	return ids
}

func (s *Service) listTasks(ctx context.Context, c *call) *reply.Reply {
	q, e := meili.ParseTaskQuery(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	p := s.page(c, q, q.Filter.Count, q.Filter.Match)
	results := make([]meili.Task, len(p.records))
	for i, r := range s.live(ctx, c.view, p.records...) {
		results[i] = s.shown(ctx, r)
	}
	return reply.Value(http.StatusOK, taskList[meili.Task]{results, p.total, q.Limit, p.from, p.next})
}

// page is a part of the list of tasks.
type page struct {
	records    []task.Record
	total      int
	from, next *uint32
}

// page reads a page of tasks. What counts makes up the total and takes a place on the page, even where it is not shown: as
// in Meilisearch neither total nor length of a page know what the request may see.
func (s *Service) page(c *call, q meili.TaskQuery, count, show func(*task.Record) bool) page {
	var p page
	s.Tasks.Each(q.Reverse, func(r *task.Record) bool {
		r = s.told.latest(r)
		if !count(r) {
			return true
		}
		p.total++
		if q.From != nil && (!q.Reverse && r.UID > *q.From || q.Reverse && r.UID < *q.From) {
			return true
		}
		if len(p.records) <= int(q.Limit) {
			p.records = append(p.records, *r)
		}
		return true
	})
	p.records = slices.DeleteFunc(p.records, func(r task.Record) bool { return !show(&r) || !c.sees(&r) })
	if len(p.records) > int(q.Limit) {
		p.next = &p.records[q.Limit].UID
		p.records = p.records[:q.Limit]
	}
	if len(p.records) > 0 {
		p.from = &p.records[0].UID
	}
	return p
}

// shown is the task object that clients see.
func (s *Service) shown(ctx context.Context, r task.Record) meili.Task {
	t, err := taskview.Of(&r, s.Seal)
	s.unopened(ctx, err)
	return t
}

// details are those of a task as clients see them.
func (s *Service) details(ctx context.Context, r task.Record) json.RawMessage {
	details, err := taskview.Details(&r, s.Seal)
	s.unopened(ctx, err)
	return details
}

func (s *Service) unopened(ctx context.Context, err error) {
	if err != nil {
		s.Log.Error().Ctx(ctx).Err(err).Msg("details of a task are shown without secrets that can not be opened")
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
	message = strings.ReplaceAll(message, ix.Physical, ix.Name)
	if ix.Name != ix.UID { // sidecars know the index's own name only
		message = strings.ReplaceAll(message, "Index `"+ix.UID+"`", "Index `"+ix.Name+"`")
	}
	return message
}

// refusal is an engine's error as the client shall see it.
func refusal(e *apierr.Error, ix *routing.Index) *reply.Reply { return reply.Error(named(e, ix)) }

// named is an engine's error with the name of the index that clients know.
func named(e *apierr.Error, ix *routing.Index) *apierr.Error {
	e.Message = logical(e.Message, ix)
	return e
}
