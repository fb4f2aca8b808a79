package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

const (
	// askTimeout bounds the questions to nodes behind one answer.
	askTimeout = time.Second
	// maxPage bounds the lists (AD-3).
	maxPage     = 1000
	defaultPage = 100
)

// taskView is a task with the parts of it that nodes carry out.
type taskView struct {
	task.Record
	Op    json.RawMessage `json:"op,omitempty"` // left out: it may be large, and is a client's
	Parts []part          `json:"parts"`
}

// part is one node's share of a task.
type part struct {
	Node    string        `json:"node"`
	Group   int           `json:"group"`
	Shards  string        `json:"shards,omitempty"`
	TaskUID *uint32       `json:"node_task_uid,omitempty"`
	State   string        `json:"state"` // missed, lost, unknown, unreachable, or the engine task's status
	Error   *apierr.Error `json:"error,omitempty"`
}

// States of a part that no engine gives.
const (
	partMissed      = "missed"      // the node did not acknowledge it
	partLost        = "lost"        // the node is gone
	partUnreachable = "unreachable" // the node lives and did not answer
)

func (s *Server) task(w http.ResponseWriter, r *http.Request) *apierr.Error {
	uid, e := taskUID(r)
	if e != nil {
		return e
	}
	rec, err := s.Tasks.Task(r.Context(), uid)
	if e := stateError(err, "There is no such task."); e != nil {
		return e
	}
	out := taskView{Record: rec, Parts: make([]part, len(rec.Targets))}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	v := s.Snapshot().Routing
	var wg sync.WaitGroup
	for i, t := range rec.Targets {
		wg.Go(func() { out.Parts[i] = s.part(ctx, v, rec.DispatchID(), t) })
	}
	wg.Wait()
	return answer(w, out)
}

// part asks a node about its share.
func (s *Server) part(ctx context.Context, v *routing.View, dispatch string, t task.Target) part {
	p := part{Node: t.Node, Group: t.Group, Shards: t.Shards, State: partMissed}
	n, ok := v.Nodes[t.Node]
	switch {
	case t.Missed:
		return p
	case !ok || !n.Alive:
		p.State = partLost
		return p
	}
	found, err := s.Nodes.Dispatches(ctx, n.Address, []string{dispatch})
	if err != nil {
		p.State = partUnreachable
		return p
	}
	if p.State = found[0].State; p.State == nodeapi.StateUnknown {
		return p
	}
	var engine struct {
		UID   uint32        `json:"uid"`
		Error *apierr.Error `json:"error"`
	}
	if json.Unmarshal(found[0].Task, &engine) == nil {
		p.TaskUID, p.Error = &engine.UID, engine.Error
	}
	return p
}

// stateError turns an error of the store into an answer; nil stays nil.
func stateError(err error, missing string) *apierr.Error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, state.ErrNotFound):
		return apierr.New(apierr.MiroirNotFound, "%s", missing)
	default:
		return apierr.New(apierr.MiroirStateUnavailable, "The cluster state can not be read right now.")
	}
}

// workflowID is the id of a workflow outside of the store: its kind, a dot, the id of its record. Neither kinds nor ids
// hold a dot.
func workflowID(kind, id string) string { return kind + "." + id }

// workflowView is a workflow in answers.
type workflowView struct {
	WorkflowID string `json:"workflow_id"`
	workflow.Record
}

func (s *Server) workflows(w http.ResponseWriter, r *http.Request) *apierr.Error {
	limit, after, e := page(r)
	if e != nil {
		return e
	}
	list := map[string][]byte{}
	for _, kind := range s.Kinds {
		records, err := s.Workflows.Workflows(r.Context(), kind)
		if e := stateError(err, ""); e != nil {
			return e
		}
		for id, value := range records {
			list[workflowID(kind, id)] = value
		}
	}
	out := struct {
		Results []workflowView `json:"results"`
		Cursor  string         `json:"cursor,omitempty"`
	}{Results: []workflowView{}}
	for _, id := range slices.Sorted(maps.Keys(list)) {
		if id <= after {
			continue
		}
		if len(out.Results) == limit {
			out.Cursor = out.Results[limit-1].WorkflowID
			break
		}
		rec, err := workflow.Decode(list[id])
		if err != nil {
			return apierr.New(apierr.MiroirInternal, "A workflow record can not be read.")
		}
		rec.Progress = nil // only in the answer for one
		out.Results = append(out.Results, workflowView{id, rec})
	}
	return answer(w, out)
}

func (s *Server) workflow(w http.ResponseWriter, r *http.Request) *apierr.Error {
	const none = "There is no such workflow."
	kind, id, ok := strings.Cut(r.PathValue("id"), ".")
	if !ok || !slices.Contains(s.Kinds, kind) {
		return apierr.New(apierr.MiroirNotFound, none)
	}
	value, _, err := s.Workflows.Workflow(r.Context(), kind, id)
	if e := stateError(err, none); e != nil {
		return e
	}
	rec, err := workflow.Decode(value)
	if err != nil {
		return apierr.New(apierr.MiroirInternal, "The workflow record can not be read.")
	}
	return answer(w, workflowView{workflowID(kind, id), rec})
}

// page reads limit and cursor of a list.
func page(r *http.Request) (limit int, after string, e *apierr.Error) {
	q := r.URL.Query()
	limit = defaultPage
	if raw := q.Get("limit"); raw != "" {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 || n > maxPage {
			return 0, "", apierr.New(apierr.BadRequest, "The parameter `limit` must be 1 to %d.", maxPage)
		}
		limit = n
	}
	return limit, q.Get("cursor"), nil
}
