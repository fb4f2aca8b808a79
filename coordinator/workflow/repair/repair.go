package repair

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/detect"
	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// KindName is the kind of these workflows, and Scope the one whose leader runs them.
const (
	KindName = "repair"
	Scope    = "repair"
)

// Store reads dirty markers and tasks; *state.Client does.
type Store interface {
	Marks(ctx context.Context, physical string) ([]state.Mark, error)
	Task(ctx context.Context, uid uint32) (task.Record, error)
}

// Leader commits records, and takes markers away, while it leads; *state.Leadership does.
type Leader interface {
	workflow.Leader
	ClearDirty(ctx context.Context, physical, node string, clear []state.Clearing) (left []int, err error)
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Limits of repairs. Zero values take the defaults.
type Limits struct {
	AtOnce  int           // repairs in the cluster at the same time, default 4
	PerNode int           // and on one node, default 2
	Step    int           // documents of one step, default 2000
	Rate    int           // documents a second that one repair looks at, default 5000
	Again   time.Duration // until the same copies may be repaired once more, default 2 s
	Timeout time.Duration // of one step, default 15 min
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&l.AtOnce, 4)
	set(&l.PerNode, 2)
	set(&l.Step, 2000)
	set(&l.Rate, 5000)
	if l.Again == 0 {
		l.Again = 2 * time.Second
	}
	if l.Timeout == 0 {
		l.Timeout = 15 * time.Minute
	}
	return l
}

// Repair repairs dirty copies. All fields but Limits must be set.
type Repair struct {
	Records   workflow.Records
	Store     Store
	Nodes     client.Doer
	Views     Views
	Holder    string
	Now       func() time.Time
	Limits    Limits
	Log       zerolog.Logger
	Metrics   *Metrics
	Workflows *workflow.Metrics
}

// Progress is what a workflow record holds about a repair.
type Progress struct {
	Index    string           `json:"index"` // the name clients use
	Physical string           `json:"physical"`
	Node     string           `json:"node"`
	Round    int              `json:"round"`             // times the markers were read
	Clear    []state.Clearing `json:"clear,omitempty"`   // markers of this round
	Jobs     []Job            `json:"jobs,omitempty"`    // the first one is at work
	Cursor   json.RawMessage  `json:"cursor,omitempty"`  // of its next step
	Refused  []string         `json:"refused,omitempty"` // writes that its source never took, by their dispatch ids
	Idle     int              `json:"idle,omitempty"`    // steps since the last one that did something, a few at most
	Waiting  string           `json:"waiting,omitempty"` // shards of which no complete copy can be reached
	Examined int              `json:"examined"`
	Written  int              `json:"written"`
	Deleted  int              `json:"deleted"`
	Deferred int              `json:"deferred"` // of the last step
}

// key is one repair.
type key struct{ physical, node string }

func (k key) id() string { return k.physical + "." + k.node }

type ended struct {
	key
	err error
}

// lead is one run of the leader.
type lead struct {
	*Repair
	leader Leader
	busy   map[key]bool
	rest   map[key]time.Time // not before
	ended  chan ended
}

// Lead repairs for as long as the leadership lasts: what somebody else left behind, and what becomes dirty.
func (r *Repair) Lead(ctx context.Context, l Leader) error {
	r.Limits = r.Limits.withDefaults()
	changed, cancel := r.Views.Subscribe()
	defer cancel()
	run := &lead{Repair: r, leader: l, busy: map[key]bool{}, rest: map[key]time.Time{}, ended: make(chan ended, r.Limits.AtOnce)}
	defer func() {
		for range run.busy {
			<-run.ended
		}
	}()
	left, err := r.leftBehind(ctx)
	if err != nil {
		return err
	}
	for {
		again := run.start(ctx, left)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-again:
		case e := <-run.ended:
			delete(run.busy, e.key)
			left = slices.DeleteFunc(left, func(k key) bool { return k == e.key })
			if errors.Is(e.err, state.ErrLostLeadership) {
				return e.err
			}
			run.rest[e.key] = r.Now().Add(r.Limits.Again)
		}
	}
}

// start begins as many repairs as there is room for. again fires when one that rests may begin.
func (l *lead) start(ctx context.Context, left []key) (again <-chan time.Time) {
	v := l.Views.View()
	due := slices.Clone(left)
	for _, d := range detect.Repairs(view.Snapshot{Routing: v}) {
		due = append(due, key{d.Physical, d.Node})
	}
	now := l.Now()
	maps.DeleteFunc(l.rest, func(_ key, at time.Time) bool { return !at.After(now) })
	var soonest time.Time
	for _, k := range due {
		at := l.rest[k]
		if l.busy[k] || len(l.busy) >= l.Limits.AtOnce || l.on(k.node) >= l.Limits.PerNode {
			continue
		}
		if at.After(now) {
			if soonest.IsZero() || at.Before(soonest) {
				soonest = at
			}
			continue
		}
		l.busy[k] = true
		go func() { l.ended <- ended{k, l.serve(ctx, l.leader, k)} }()
	}
	if soonest.IsZero() {
		return nil
	}
	return time.After(soonest.Sub(now))
}

func (l *lead) on(node string) (n int) {
	for k := range l.busy {
		if k.node == node {
			n++
		}
	}
	return n
}

// leftBehind lists the repairs that whoever led before did not finish.
func (r *Repair) leftBehind(ctx context.Context) (list []key, err error) {
	all, err := r.Records.Workflows(ctx, KindName)
	if err != nil {
		return nil, err
	}
	for _, value := range all {
		rec, err := workflow.Decode(value)
		if err != nil {
			r.Log.Error().Err(err).Msg("workflow record ignored")
			continue
		}
		var p Progress
		if rec.State == workflow.Running && json.Unmarshal(rec.Progress, &p) == nil {
			list = append(list, key{p.Physical, p.Node})
		}
	}
	return list, nil
}

// serve goes on with a repair, or begins it.
func (r *Repair) serve(ctx context.Context, l Leader, k key) error {
	err := r.run(ctx, l, k)
	if err != nil && ctx.Err() == nil && !errors.Is(err, state.ErrLostLeadership) {
		r.Log.Warn().Err(err).Str("node", k.node).Msg("repair interrupted, it is taken up again")
	}
	return err
}

func (r *Repair) run(ctx context.Context, l Leader, k key) error {
	runner := &workflow.Runner[Progress]{
		Kind: r.kind(l), Leader: l, Holder: r.Holder, Now: r.Now, Log: r.Log, Metrics: r.Workflows,
	}
	rec, _, revision, err := workflow.Load[Progress](ctx, r.Records, KindName, k.id())
	if err != nil {
		return err
	}
	if revision == 0 || rec.State != workflow.Running {
		p := Progress{Physical: k.physical, Node: k.node}
		if rec, revision, err = runner.Start(ctx, k.id(), Scope+":"+k.id(), p, revision); err != nil {
			return err
		}
	}
	r.Metrics.running.Inc()
	defer r.Metrics.running.Dec()
	return runner.Drive(ctx, rec, revision)
}

// Phases.
const (
	phaseAssess = "assess"
	phaseCopy   = "copy"
	phaseClear  = "clear"
)

func (r *Repair) kind(l Leader) workflow.Kind[Progress] {
	return workflow.Kind[Progress]{
		Name: KindName, First: phaseAssess,
		Steps: map[string]workflow.Step[Progress]{
			phaseAssess: r.assess,
			phaseCopy:   r.copy,
			phaseClear:  func(ctx context.Context, p *Progress) (workflow.Verdict, error) { return r.clear(ctx, l, p) },
		},
		Settle: func(p *Progress) { p.Clear, p.Jobs, p.Cursor, p.Refused = nil, nil, nil, nil },
	}
}
