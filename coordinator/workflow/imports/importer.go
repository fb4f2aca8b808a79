package imports

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// Store keeps API keys, and knows who leads; *state.Client does.
type Store interface {
	Keys(ctx context.Context) ([]key.Record, error)
	CreateKey(ctx context.Context, r key.Record) error
	DeleteKey(ctx context.Context, uid string) error
	Leader(ctx context.Context, scope string) (holder string, err error)
	Cancelations
}

// Cancelations are wishes that imports end; *state.Client keeps them.
type Cancelations interface {
	AskCancelation(ctx context.Context, kind, id string, rec state.CancelationRecord) error
	Cancelation(ctx context.Context, kind, id string) (run string, err error)
	ForgetCancelation(ctx context.Context, kind, id string) error
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error)
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Get(uid uint32) (task.Record, bool)
	Each(ascending bool, visit func(*task.Record) bool)
	Wait(ctx context.Context, uid uint32, cond func(task.Record) bool) (task.Record, error)
}

// Lead competes for a scope and does work while leading it, until work returns nil or ctx ends.
type Lead func(ctx context.Context, scope string, work func(ctx context.Context, l workflow.Leader) error) error

// Limits of imports. Zero values take the defaults of the configuration page.
type Limits struct {
	Dump       dump.Limits
	MaxBytes   int64 // of a file, default 64 GiB
	Batch      int   // documents of one batch, default 10 000
	BatchBytes int   // bytes of one batch, default 8 MiB
	Window     int   // batches that are sent and not carried out yet, default 16
	Jobs       int   // imports at the same time on one coordinator, default 2
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = 64 << 30
	}
	if l.Batch == 0 {
		l.Batch = 10_000
	}
	if l.BatchBytes == 0 {
		l.BatchBytes = 8 << 20
	}
	if l.Window == 0 {
		l.Window = 16
	}
	if l.Jobs == 0 {
		l.Jobs = 2
	}
	return l
}

// Config of an Importer. All fields but Limits and Hosts must be set.
type Config struct {
	Spool     Spool
	Records   workflow.Records
	Store     Store
	Ingress   *Ingress
	Views     Views
	Tasks     Tasks
	Lead      Lead
	Holder    string
	Now       func() time.Time
	Limits    Limits
	Hosts     []string // from which files are fetched, with or without a port
	Log       zerolog.Logger
	Metrics   *Metrics
	Workflows *workflow.Metrics
}

// Importer takes files and imports them. It is safe for concurrent use.
type Importer struct {
	Config

	mu      sync.Mutex
	busy    map[string]bool // jobs whose file is coming in right now
	arrived chan string     // jobs whose file is whole
}

// New returns an importer that works while Run does.
func New(c Config) *Importer {
	c.Limits = c.Limits.withDefaults()
	c.Spool.tidy(c.Log) // nothing comes in before this returns
	return &Importer{Config: c, busy: map[string]bool{}, arrived: make(chan string)}
}

// Run imports the files of the spool, those that are there and those that come, until ctx ends.
func (m *Importer) Run(ctx context.Context) error {
	var waiting []string
	for _, j := range m.Spool.jobs() {
		if m.Spool.whole(j.ID) {
			waiting = append(waiting, j.ID)
		}
	}
	running, ended := map[string]bool{}, make(chan string)
	defer func() {
		for range running {
			<-ended
		}
	}()
	for {
		for len(waiting) > 0 && len(running) < m.Limits.Jobs {
			id := waiting[0]
			waiting = waiting[1:]
			if running[id] {
				continue
			}
			running[id] = true
			go func() {
				m.work(ctx, id)
				ended <- id
			}()
		}
		if len(running) == 0 {
			m.Metrics.phase.Set(0)
		}
		select {
		case <-ctx.Done():
			return nil
		case id := <-m.arrived:
			waiting = append(waiting, id)
		case id := <-ended:
			delete(running, id)
		}
	}
}

// work brings one job to its end, whoever leads it.
func (m *Importer) work(ctx context.Context, id string) {
	err := m.Lead(ctx, scope(id), func(ctx context.Context, l workflow.Leader) error { return m.drive(ctx, l, id) })
	if err != nil && ctx.Err() == nil {
		m.Log.Error().Err(err).Str("job_id", id).Msg("import given up until this coordinator starts again")
	}
}

// drive goes on with a job, or begins it.
func (m *Importer) drive(ctx context.Context, l workflow.Leader, id string) error {
	job, err := m.Spool.job(id)
	if errors.Is(err, errNoJob) {
		return nil
	}
	if err != nil {
		return err
	}
	rec, p, revision, err := workflow.Load[Progress](ctx, m.Records, KindName, id)
	if err != nil {
		return err
	}
	r := &run{Importer: m, job: job}
	defer r.close()
	runner := &workflow.Runner[Progress]{
		Kind: r.kind(), Leader: l, Holder: m.Holder, Now: m.Now, Log: m.Log, Metrics: m.Workflows,
	}
	switch {
	case revision > 0 && rec.State == workflow.Running:
		r.job.Run = p.Run // the marks of its batches carry it
	case revision > 0 && p.Run == job.Run:
		return m.Spool.remove(id) // it ended, and its coordinator too
	default:
		p = Progress{Run: job.Run, Size: job.Size, Fingerprint: job.Fingerprint, Options: job.Options}
		if rec, revision, err = runner.Start(ctx, id, scope(id), p, revision); err != nil {
			return err
		}
	}
	if err := runner.Drive(ctx, rec, revision); err != nil {
		return err
	}
	return errors.Join(m.Store.ForgetCancelation(ctx, KindName, id), m.Spool.remove(id))
}

// plan works out what an import would do to the cluster as it is now.
func (m *Importer) plan(ctx context.Context, s *dump.Summary, o Options) (Plan, error) {
	c := Catalog{Indexes: map[string]Existing{}}
	v := m.Views.View()
	for _, uid := range v.UIDs {
		c.Indexes[uid] = Existing{PrimaryKey: v.Indexes[uid].PrimaryKey}
	}
	for _, ix := range s.Indexes {
		to, wanted := o.target(ix.UID)
		there, exists := c.Indexes[to]
		if !wanted || !exists {
			continue
		}
		var err error
		if there.Documents, err = m.Ingress.documents(ctx, to); err != nil {
			return Plan{}, err
		}
		c.Indexes[to] = there
	}
	var err error
	if c.Keys, err = m.Store.Keys(ctx); err != nil {
		return Plan{}, err
	}
	return Propose(s, o, c), nil
}
