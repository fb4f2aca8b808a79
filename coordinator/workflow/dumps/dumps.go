package dumps

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/webhook"
)

// KindName is the kind of these workflows and RecordID the id of the one record; Scope is what its runner leads.
const (
	KindName = "dump_create"
	RecordID = "cluster"
	Scope    = "dump_create"
)

// Nodes sends legs; *client.Client does.
type Nodes interface {
	Do(ctx context.Context, r client.Request) (client.Answer, error)
}

// Store keeps tasks, keys and webhooks; *state.Client does.
type Store interface {
	workflow.TaskStore
	Keys(ctx context.Context) ([]key.Record, error)
	Webhooks(ctx context.Context) (*webhook.Set, error)
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error)
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Get(uid uint32) (task.Record, bool)
	Open() []task.Record
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Limits of a dump. Zero values take the defaults.
type Limits struct {
	Parallel  int // shards fetched at the same time, default 4
	Page      int // documents of one request, default 1000; fewer where they are large
	PageBytes int // what a page should not exceed by much, default 8 MiB
	// Unavailable is how long a shard may have no copy to read, and earlier tasks may make no progress, until the dump fails;
	// default 5 min.
	Unavailable time.Duration
}

// Creator makes dumps. All fields but Limits must be set.
type Creator struct {
	Folder    Folder
	Records   workflow.Records
	Store     Store
	Nodes     Nodes
	Seal      *seal.Box
	Views     Views
	Tasks     Tasks
	Holder    string
	Now       func() time.Time
	Limits    Limits
	Log       zerolog.Logger
	Metrics   *Metrics
	Workflows *workflow.Metrics
}

// Progress is what the workflow record holds about a dump.
type Progress struct {
	Task      uint32        `json:"task"`
	Dump      string        `json:"dump,omitempty"`    // uid of the dump
	Indexes   []string      `json:"indexes,omitempty"` // physical names, in the order of the archive
	Documents int64         `json:"documents,omitempty"`
	Bytes     int64         `json:"bytes,omitempty"` // of the finished dump
	Failure   *apierr.Error `json:"failure,omitempty"`
}

// Phases. Nothing is ever taken back: until pack has ended there is no dump, after it there is.
const (
	phaseStage    = "stage"
	phaseSettle   = "settle"
	phaseCollect  = "collect"
	phasePack     = "pack"
	phaseConclude = "conclude"
)

func (c *Creator) kind() workflow.Kind[Progress] {
	return workflow.Kind[Progress]{
		Name: KindName, First: phaseStage,
		Steps: map[string]workflow.Step[Progress]{
			phaseStage: c.stage, phaseSettle: c.settle, phaseCollect: c.collect, phasePack: c.pack, phaseConclude: c.conclude,
		},
		Settle: func(p *Progress) { p.Indexes = nil },
	}
}

func (l Limits) withDefaults() Limits {
	if l.Parallel == 0 {
		l.Parallel = 4
	}
	if l.Page == 0 {
		l.Page = 1000
	}
	if l.PageBytes == 0 {
		l.PageBytes = 8 << 20
	}
	if l.Unavailable == 0 {
		l.Unavailable = 5 * time.Minute
	}
	return l
}

// Lead makes dumps for as long as the leadership lasts: first the one that somebody else left behind, then one after the
// other as tasks come.
func (c *Creator) Lead(ctx context.Context, l workflow.Leader) error {
	c.Limits = c.Limits.withDefaults()
	changed, cancel := c.Tasks.Subscribe()
	defer cancel()
	runner := &workflow.Runner[Progress]{
		Kind: c.kind(), Leader: l, Holder: c.Holder, Now: c.Now, Log: c.Log, Metrics: c.Workflows,
	}
	served := uint32(0)
	q := &workflow.Queue[Progress]{
		Runner: runner, Records: c.Records, ID: RecordID, Scope: Scope, Changed: changed,
		Idle: func() { c.Folder.tidy(c.Log) },
		Next: func(last *Progress) (Progress, bool) {
			if last != nil {
				served = max(served, last.Task)
			}
			uid, found := c.next(served)
			return Progress{Task: uid}, found
		},
	}
	return q.Serve(ctx)
}

// next is the oldest dump that was asked for. Tasks up to served are over, whatever the cache still says.
func (c *Creator) next(served uint32) (uid uint32, found bool) {
	for _, r := range c.Tasks.Open() {
		if r.Type == task.DumpCreation && r.UID > served {
			return r.UID, true
		}
	}
	return 0, false
}

// over says whether the task was canceled meanwhile.
func (c *Creator) over(uid uint32) bool {
	r, known := c.Tasks.Get(uid)
	return known && r.Done()
}

// stage takes the task up and gives the dump its name.
func (c *Creator) stage(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	now := c.Now()
	if open, err := workflow.Begin(ctx, c.Store, p.Task, now); err != nil || !open {
		return workflow.Verdict{}, err
	}
	p.Dump = uidOf(now)
	return workflow.Enter(phaseSettle)
}

// conclude finishes the task and removes what was only needed to make the dump.
func (c *Creator) conclude(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	t, err := c.Store.Task(ctx, p.Task)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, err
	}
	if err == nil && !t.Done() {
		if p.Failure == nil {
			t.Details, err = json.Marshal(task.DumpDetails{DumpUID: &p.Dump})
			if err != nil {
				return workflow.Verdict{}, err
			}
		}
		t.Finish(c.Now(), p.Failure)
		if _, err := c.Store.FinishTask(ctx, t); err != nil {
			return workflow.Verdict{}, err
		}
	}
	c.Folder.discard(p.Dump)
	if p.Failure != nil {
		c.Log.Warn().Str("code", string(p.Failure.Code)).Msg("dump failed")
	} else {
		c.Log.Info().Str("dump", p.Dump).Int64("documents", p.Documents).Int64("bytes", p.Bytes).Msg("dump written")
	}
	return workflow.Verdict{Error: p.Failure}, nil
}

// abandon ends a dump whose task was canceled.
func (c *Creator) abandon(p *Progress) (workflow.Verdict, error) {
	c.Folder.discard(p.Dump)
	c.Log.Info().Msg("dump canceled")
	return workflow.Verdict{}, nil
}
