package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// KindName is the kind of these workflows and RecordID the id of the one record; Scope is what its runner leads.
const (
	KindName = "upkeep"
	RecordID = "cluster"
	Scope    = "upkeep"
)

// keptManifests bounds the snapshots that the record lists.
const keptManifests = 10

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Open() []task.Record
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Upkeep runs these workflows. All fields but Unreachable must be set.
type Upkeep struct {
	Records     workflow.Records
	Store       workflow.TaskStore
	Nodes       errand.Nodes
	View        func() *routing.View
	Tasks       Tasks
	Holder      string
	Now         func() time.Time
	Unreachable time.Duration // how long a node with a lease may answer nothing, default 60 s
	Log         zerolog.Logger
	Workflows   *workflow.Metrics
}

// Progress is what the workflow record holds.
type Progress struct {
	Task      uint32        `json:"task"`
	Type      string        `json:"type"`
	Index     string        `json:"index,omitempty"` // the name the client used
	Physical  string        `json:"physical,omitempty"`
	Todo      []string      `json:"todo,omitempty"` // nodes that were not asked yet
	Done      []Part        `json:"done,omitempty"`
	Behind    []string      `json:"behind,omitempty"` // nodes that were down
	Failure   *apierr.Error `json:"failure,omitempty"`
	Canceled  bool          `json:"canceled,omitempty"`
	Snapshots []Manifest    `json:"snapshots,omitempty"` // the last ones, newest first
}

// Part is what one node did.
type Part struct {
	Node     string    `json:"node"`
	Engine   string    `json:"engine_version,omitempty"`
	Finished time.Time `json:"finished_at"`
	Before   int64     `json:"before,omitempty"` // bytes of a compacted index
	After    int64     `json:"after,omitempty"`
}

// Manifest is a snapshot of the whole cluster.
type Manifest struct {
	Task  uint32 `json:"task"`
	Parts []Part `json:"parts"`
}

// Phases.
const (
	phaseStage    = "stage"
	phaseWork     = "work"
	phaseConclude = "conclude"
)

// Lead works for as long as the leadership lasts.
func (u *Upkeep) Lead(ctx context.Context, l workflow.Leader) error {
	if u.Unreachable == 0 {
		u.Unreachable = time.Minute
	}
	changed, cancel := u.Tasks.Subscribe()
	defer cancel()
	q := &workflow.Queue[Progress]{
		Runner: &workflow.Runner[Progress]{
			Kind: workflow.Kind[Progress]{
				Name: KindName, First: phaseStage,
				Steps: map[string]workflow.Step[Progress]{phaseStage: u.stage, phaseWork: u.work, phaseConclude: u.conclude},
			},
			Leader: l, Holder: u.Holder, Now: u.Now, Log: u.Log, Metrics: u.Workflows,
		},
		Records: u.Records, ID: RecordID, Scope: Scope, Changed: changed, Next: u.next,
	}
	return q.Serve(ctx)
}

// next is the oldest task that was not begun yet; the cache may still show the last one as open.
func (u *Upkeep) next(last *Progress) (Progress, bool) {
	var p Progress
	if last != nil {
		p.Snapshots = last.Snapshots
	}
	for _, r := range u.Tasks.Open() {
		if (r.Type == task.SnapshotCreation || r.Type == task.IndexCompaction) && (last == nil || r.UID > last.Task) {
			p.Task, p.Type, p.Physical = r.UID, r.Type, r.Physical
			if r.IndexUID != nil {
				p.Index = *r.IndexUID
			}
			return p, true
		}
	}
	return p, false
}

// stage takes the task up and notes the nodes.
func (u *Upkeep) stage(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if open, err := workflow.Begin(ctx, u.Store, p.Task, u.Now()); err != nil || !open {
		return workflow.Verdict{}, err
	}
	v := u.View()
	switch ix := v.Physical[p.Physical]; {
	case p.Type == task.SnapshotCreation:
		for _, id := range v.AllNodes() {
			if s := v.Nodes[id].State; s == routing.NodeActive || s == routing.NodeDraining {
				p.Todo = append(p.Todo, id)
			}
		}
	case ix == nil:
		p.Failure = meili.IndexNotFound(p.Index)
	default:
		p.Todo = slices.Sorted(slices.Values(ix.NodesHolding()))
	}
	return workflow.Enter(phaseWork)
}

// work asks the next nodes.
func (u *Upkeep) work(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	t, err := u.Store.Task(ctx, p.Task)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, err
	}
	if err != nil || t.Done() {
		return workflow.Verdict{}, nil // canceled: what was done already does no harm
	}
	if p.Failure != nil || len(p.Todo) == 0 {
		return workflow.Enter(phaseConclude)
	}
	now := batch(p, u.View())
	parts := make([]Part, len(now))
	errs := make([]error, len(now))
	var wg sync.WaitGroup
	for i, id := range now {
		wg.Go(func() { parts[i], errs[i] = u.ask(ctx, p, id) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return workflow.Verdict{}, context.Cause(ctx)
	}
	for i, id := range now {
		var no errand.Refusal
		switch {
		case errs[i] == nil:
			p.Done = append(p.Done, parts[i])
		case errors.Is(errs[i], errand.ErrBehind):
			p.Behind = append(p.Behind, id)
		case errors.As(errs[i], &no):
			p.Failure = no.Cause
		default:
			return workflow.Verdict{}, errs[i]
		}
	}
	p.Todo = slices.DeleteFunc(p.Todo, func(id string) bool { return slices.Contains(now, id) })
	return workflow.Enter(phaseWork)
}

// batch chooses the nodes that may work at the same time.
func batch(p *Progress, v *routing.View) []string {
	if p.Type == task.SnapshotCreation {
		return slices.Clone(p.Todo)
	}
	var now []string
	busy := map[int]bool{}
	for _, id := range p.Todo {
		if g := v.Nodes[id].ReplicaGroup; !busy[g] {
			busy[g] = true
			now = append(now, id)
		}
	}
	return now
}

// ask has one engine do its part.
func (u *Upkeep) ask(ctx context.Context, p *Progress, node string) (Part, error) {
	r := &errand.Runner{
		Nodes: u.Nodes, View: u.View, Now: u.Now, Unreachable: u.Unreachable, Node: node, Index: p.Index, Physical: p.Physical,
	}
	path := "/snapshots"
	if p.Type == task.IndexCompaction {
		path = "/indexes/" + p.Physical + "/compact"
	}
	d, err := r.Carry(ctx, client.Request{Method: http.MethodPost, Path: path, Leg: nodeapi.Leg{Dispatch: task.DispatchID(p.Task)}})
	if err != nil {
		return Part{}, err
	}
	part := Part{Node: node, Engine: u.View().Nodes[node].EngineVersion, Finished: u.Now()}
	o, err := task.ReadOutcome(node, d.Task)
	if err != nil {
		return part, fmt.Errorf("task of %s: %w", node, err)
	}
	if !o.Ended.IsZero() {
		part.Finished = o.Ended
	}
	var sizes task.CompactionDetails
	if len(o.Details) > 0 && json.Unmarshal(o.Details, &sizes) == nil {
		part.Before, part.After = meili.ParseSize(sizes.Before), meili.ParseSize(sizes.After)
	}
	return part, nil
}

// conclude finishes the task.
func (u *Upkeep) conclude(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if p.Failure == nil && len(p.Behind) > 0 {
		p.Failure = apierr.New(apierr.MiroirBroadcast, "Nodes that could not be reached did not take part: %s.", strings.Join(p.Behind, ", "))
	}
	t, err := u.Store.Task(ctx, p.Task)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, err
	}
	if err == nil && !t.Done() {
		if p.Type == task.IndexCompaction && len(p.Done) > 0 {
			var before, after int64
			for _, part := range p.Done {
				before, after = before+part.Before, after+part.After
			}
			if t.Details, err = json.Marshal(task.CompactionDetails{Before: meili.FormatSize(before), After: meili.FormatSize(after)}); err != nil {
				return workflow.Verdict{}, err
			}
		}
		t.Finish(u.Now(), p.Failure)
		if _, err := u.Store.FinishTask(ctx, t); err != nil {
			return workflow.Verdict{}, err
		}
	}
	if p.Type == task.SnapshotCreation && len(p.Done) > 0 {
		p.Snapshots = slices.Insert(p.Snapshots, 0, Manifest{p.Task, p.Done})
		p.Snapshots = p.Snapshots[:min(len(p.Snapshots), keptManifests)]
	}
	return workflow.Verdict{Error: p.Failure}, nil
}
