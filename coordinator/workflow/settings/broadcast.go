package settings

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/spread"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// KindName is the kind of these workflows, and Scope the one whose leader runs them.
const (
	KindName = "settings"
	Scope    = "settings_broadcast"
)

// Store keeps tasks and committed settings; *state.Client does.
type Store interface {
	workflow.TaskStore
	PutSettings(ctx context.Context, physical string, rec routing.SettingsRecord, expected uint64) error
	AmendSettings(ctx context.Context, physical string, change func(*routing.SettingsRecord) error) error
	FreezeSettings(ctx context.Context, physical string, f *routing.Freeze) error
	RestSettings(ctx context.Context, physical string, nodes []string) error
	SettingsRevision(ctx context.Context, physical string) (int64, error)
	spread.Gateways
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error)
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Open() []task.Record
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Limits of one change. Zero values take the defaults.
type Limits struct {
	RepairPause time.Duration // before the second attempt to repair nodes, doubled for each further one, default 1 s; the first comes sooner
	Courtesy    time.Duration // how long the gateway that accepted a change may take to present it itself, default 2 s
	Indexes     int           // changes of different indexes at the same time, default 8
}

// Broadcast runs settings changes. All fields but Limits and Policy must be set.
type Broadcast struct {
	Records   workflow.Records
	Store     Store
	Nodes     errand.Nodes
	Seal      *seal.Box
	Views     Views
	Tasks     Tasks
	Holder    string
	Now       func() time.Time
	Limits    Limits
	Policy    func() tuning.SettingsBroadcast // what the configuration says just now; nil: the defaults
	Log       zerolog.Logger
	Metrics   *Metrics
	Workflows *workflow.Metrics
}

// Progress is what a workflow record holds about a change.
type Progress struct {
	Task     uint32          `json:"task"`
	Index    string          `json:"index"` // the name the client used
	Physical string          `json:"physical"`
	Base     uint64          `json:"base"` // committed version that the change starts from
	Turns    turns           `json:"turns,omitempty"`
	First    []int           `json:"first,omitempty"`    // replica groups that change first, in waves
	Rested   bool            `json:"rested,omitempty"`   // nodes were, or were about to be, taken out of the reads
	Proposed []string        `json:"proposed,omitempty"` // nodes that were sent the change, or were about to be
	Refused  []string        `json:"refused,omitempty"`  // those of them whose engine did not take it
	Behind   []string        `json:"behind,omitempty"`   // those that were down or silent when the rest had carried it out
	Repairs  int             `json:"repairs,omitempty"`
	Backs    int             `json:"backs,omitempty"`       // attempts to set nodes back that did not
	Restored string          `json:"restored,omitempty"`    // hash of what all nodes showed after the last of them, empty where they differed
	Hash     string          `json:"engine_hash,omitempty"` // that all nodes showed last
	View     json.RawMessage `json:"client_view,omitempty"` // to commit, secrets sealed
	Version  uint64          `json:"version,omitempty"`     // committed
	Failure  *apierr.Error   `json:"failure,omitempty"`
	Stopped  bool            `json:"stopped,omitempty"` // a cancelation stopped the change on a node

	Quiet map[string]time.Time `json:"quiet,omitempty"` // since when nodes that live give no usable answer
	waits bool                 // on one of them, which is not given up yet
}

// Phases.
const (
	phaseStage    = "stage"
	phaseRest     = "rest" // the half that changes first serves no reads
	phasePropose  = "propose"
	phaseVerify   = "verify"
	phaseRepair   = "repair"
	phaseCommit   = "commit" // the point of no return: from here on only forward
	phaseTurn     = "turn"   // from here on the other half serves no reads
	phaseRollback = "rollback"
	phaseFreeze   = "freeze" // the rollback is not proven
	phaseConclude = "conclude"
)

func (b *Broadcast) kind() workflow.Kind[Progress] {
	steps := map[string]workflow.Step[Progress]{
		phaseStage: b.stage, phaseRest: b.rest, phasePropose: b.propose, phaseVerify: b.verify, phaseRepair: b.repair, phaseCommit: b.commit,
		phaseTurn: b.turn, phaseRollback: b.rollback, phaseFreeze: b.freeze, phaseConclude: b.conclude,
	}
	for name, step := range steps {
		steps[name] = func(ctx context.Context, p *Progress) (workflow.Verdict, error) {
			b.Metrics.phase.WithLabelValues(p.Index).Set(phaseNumbers[name])
			return patiently(ctx, name, step, p)
		}
	}
	return workflow.Kind[Progress]{
		Name: KindName, First: phaseStage, Steps: steps, Settle: func(p *Progress) { p.View = nil },
	}
}

// policy is what the configuration says just now.
func (b *Broadcast) policy() tuning.SettingsBroadcast {
	if b.Policy == nil {
		return tuning.Default().SettingsBroadcast
	}
	return b.Policy()
}

// Lead runs changes for as long as the leadership lasts: first those that somebody else left behind, then one after the
// other for every index, as tasks come.
func (b *Broadcast) Lead(ctx context.Context, l workflow.Leader) error {
	b.Limits = b.Limits.withDefaults()
	changed, cancel := b.Tasks.Subscribe()
	defer cancel()
	defer b.Metrics.phase.Reset() // whoever leads next tells
	queue, err := b.leftBehind(ctx)
	if err != nil {
		return err
	}
	type end struct {
		physical string
		uid      uint32
		err      error
	}
	ended := make(chan end, b.Limits.Indexes)
	busy, done := map[string]bool{}, map[uint32]bool{}
	defer func() {
		for range busy {
			<-ended
		}
	}()
	for {
		for physical, uid := range b.next(queue, busy, done) {
			busy[physical] = true
			delete(queue, physical)
			go func() { ended <- end{physical, uid, b.serve(ctx, l, physical, uid)} }()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case e := <-ended:
			delete(busy, e.physical)
			if errors.Is(e.err, state.ErrLostLeadership) {
				return e.err
			}
			if e.err == nil {
				done[e.uid] = true
			}
		}
	}
}

func (l Limits) withDefaults() Limits {
	if l.RepairPause == 0 {
		l.RepairPause = time.Second
	}
	if l.Courtesy == 0 {
		l.Courtesy = 2 * time.Second
	}
	if l.Indexes == 0 {
		l.Indexes = 8
	}
	return l
}

// leftBehind lists the indexes whose change was not finished by whoever led before.
func (b *Broadcast) leftBehind(ctx context.Context) (map[string]uint32, error) {
	all, err := b.Records.Workflows(ctx, KindName)
	if err != nil {
		return nil, err
	}
	queue := map[string]uint32{}
	for physical, value := range all {
		rec, err := workflow.Decode(value)
		if err != nil {
			b.Log.Error().Err(err).Msg("workflow record ignored")
			continue
		}
		var p Progress
		if rec.State == workflow.Running && json.Unmarshal(rec.Progress, &p) == nil {
			queue[physical] = p.Task
		}
	}
	return queue, nil
}

// next chooses what to start now: for every idle index what was left behind, else its oldest open change. done lists
// tasks that were served already; the cache of tasks may be a moment behind.
func (b *Broadcast) next(queue map[string]uint32, busy map[string]bool, done map[uint32]bool) map[string]uint32 {
	start := map[string]uint32{}
	room := b.Limits.Indexes - len(busy)
	add := func(physical string, uid uint32) {
		if _, chosen := start[physical]; !chosen && !busy[physical] && len(start) < room {
			start[physical] = uid
		}
	}
	for _, physical := range slices.Sorted(maps.Keys(queue)) {
		add(physical, queue[physical])
	}
	open := map[uint32]bool{}
	v := b.Views.View()
	for _, r := range b.Tasks.Open() {
		if r.Type != task.SettingsUpdate {
			continue
		}
		open[r.UID] = true
		if !done[r.UID] {
			add(physicalOf(v, r), r.UID)
		}
	}
	maps.DeleteFunc(done, func(uid uint32, _ bool) bool { return !open[uid] })
	return start
}

// physicalOf is the physical index that a task is about; a name that stands for none is its own.
func physicalOf(v *routing.View, r task.Record) string {
	if r.Physical != "" || r.IndexUID == nil {
		return r.Physical
	}
	if ix, ok := v.Indexes[*r.IndexUID]; ok {
		return ix.Physical
	}
	return *r.IndexUID
}

// serve goes on with the unfinished change of an index, or starts the one of a task.
func (b *Broadcast) serve(ctx context.Context, l workflow.Leader, physical string, uid uint32) error {
	err := b.run(ctx, l, physical, uid)
	if err != nil && ctx.Err() == nil && !errors.Is(err, state.ErrLostLeadership) {
		b.Log.Warn().Err(err).Msg("settings change interrupted, it is taken up again")
		return errors.Join(err, errand.Sleep(ctx, errand.RetryLongest))
	}
	return err
}

func (b *Broadcast) run(ctx context.Context, l workflow.Leader, physical string, uid uint32) error {
	runner := &workflow.Runner[Progress]{
		Kind: b.kind(), Leader: l, Holder: b.Holder, Now: b.Now, Log: b.Log, Metrics: b.Workflows,
	}
	rec, p, revision, err := b.load(ctx, physical)
	if err != nil {
		return err
	}
	if revision > 0 && rec.State == workflow.Running {
		defer b.idle(p.Index)
		if err := runner.Drive(ctx, rec, revision); err != nil {
			return err
		}
		if p.Task == uid {
			return nil
		}
		if rec, p, revision, err = b.load(ctx, physical); err != nil {
			return err
		}
	}
	if revision > 0 && p.Task == uid {
		return nil // served before, the cache of tasks did not know it yet
	}
	t, err := b.Store.Task(ctx, uid)
	if errors.Is(err, state.ErrNotFound) || err == nil && t.Done() {
		return nil
	}
	if err != nil {
		return err
	}
	p = Progress{Task: uid, Physical: physical}
	if p.Index = t.Resolved; p.Index == "" && t.IndexUID != nil {
		p.Index = *t.IndexUID
	}
	defer b.idle(p.Index)
	rec, revision, err = runner.Start(ctx, physical, Scope+":"+physical, p, revision)
	if err != nil {
		return err
	}
	return runner.Drive(ctx, rec, revision)
}

// idle says that no change of an index is under way; of one that is gone it says nothing.
func (b *Broadcast) idle(index string) {
	if _, ok := b.Views.View().Find(index); ok {
		b.Metrics.phase.WithLabelValues(index).Set(0)
		return
	}
	b.Metrics.phase.DeleteLabelValues(index)
}

// load reads the record of an index; revision 0 when there is none.
func (b *Broadcast) load(ctx context.Context, physical string) (workflow.Record, Progress, int64, error) {
	return workflow.Load[Progress](ctx, b.Records, KindName, physical)
}
