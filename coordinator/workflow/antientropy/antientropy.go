package antientropy

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
)

// Store opens records and tells when they change; *state.Client does.
type Store interface {
	workflow.Records
	OpenWorkflow(ctx context.Context, kind, id string, record any, expected int64) error
	WorkflowChanges(ctx context.Context, kind string) <-chan struct{}
	Expires(ctx context.Context, uid string) (bool, error)
	Doubt(ctx context.Context) (time.Time, error)
	Dispel(ctx context.Context, since time.Time) error
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface{ View() *routing.View }

// Config is when passes come and how they work. Zero values take the defaults.
type Config struct {
	Off    bool          // no passes by the schedule; those that are asked for come
	Deep   time.Duration // between two deep passes, default 6 h
	Light  time.Duration // between two light ones, default 10 min
	Rate   int           // documents a second that a node reads for one shard, default 2000
	Settle time.Duration // how long a write may be on its way to the last copy, default 30 s
	Report bool          // passes by the schedule repair nothing
	AtOnce int           // passes, default 2
}

// WithDefaults fills in what is not set.
func (c Config) WithDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Deep, 6*time.Hour)
	set(&c.Light, 10*time.Minute)
	set(&c.Settle, 30*time.Second)
	if c.Rate == 0 {
		c.Rate = 2000
	}
	if c.AtOnce == 0 {
		c.AtOnce = 2
	}
	return c
}

// AntiEntropy runs passes. All fields must be set; what of Config is zero takes the default.
type AntiEntropy struct {
	Config    Config
	Store     Store
	Nodes     client.Doer
	Views     Views
	Holder    string
	Now       func() time.Time
	Log       zerolog.Logger
	Metrics   *Metrics
	Workflows *workflow.Metrics
}

// Schedule is when passes come by themselves, as others see it.
type Schedule struct {
	Enabled bool    `json:"enabled"`
	Deep    float64 `json:"deep_interval_s"`
	Light   float64 `json:"light_interval_s"`
	Rate    int     `json:"documents_per_second"`
	Settle  float64 `json:"settle_s"`
	Repairs bool    `json:"auto_repair"`
}

// Schedule tells the schedule.
func (a *AntiEntropy) Schedule() Schedule {
	c := a.Config.WithDefaults()
	return Schedule{!c.Off, c.Deep.Seconds(), c.Light.Seconds(), c.Rate, c.Settle.Seconds(), !c.Report}
}

// Request has a pass made by whoever leads the scope, and joins one that is at work. Its errors are for whoever asked.
func (a *AntiEntropy) Request(ctx context.Context, in Input) (Status, error) {
	v := a.Views.View()
	if ix, ok := v.Indexes[in.Index]; in.Index != "" && !ok {
		return Status{}, apierr.New(apierr.IndexNotFound, "Index `%s` not found.", in.Index)
	} else if ok && in.Shards != "" {
		if _, err := shardmap.ParseRanges(in.Shards, ix.Shards); err != nil {
			return Status{}, apierr.New(apierr.MiroirConfigInvalid, "`shards` must be numbers below %d and ranges of them.", ix.Shards)
		}
	}
	switch {
	case in.Shards != "" && in.Index == "":
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "`shards` needs an `index`.")
	case in.Rate < 0:
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "`documents_per_second` must not be negative.")
	}
	for {
		rec, _, revision, err := workflow.Load[Progress](ctx, a.Store, KindName, in.ID())
		if err != nil {
			return Status{}, err
		}
		if revision > 0 && rec.State == workflow.Running {
			return statusOf(rec)
		}
		rec, err = workflow.New(a.kind(), in.ID(), Scope, a.Holder, a.Now(), Progress{Input: in, Result: Result{Uneven: []Uneven{}}})
		if err != nil {
			return Status{}, err
		}
		err = a.Store.OpenWorkflow(ctx, KindName, in.ID(), rec, revision)
		if errors.Is(err, state.ErrConflict) {
			continue // somebody else was first
		}
		if err != nil {
			return Status{}, err
		}
		return statusOf(rec)
	}
}

// Status reads the record of a pass; state.ErrNotFound when there is none.
func (a *AntiEntropy) Status(ctx context.Context, id string) (Status, error) {
	rec, _, revision, err := workflow.Load[Progress](ctx, a.Store, KindName, id)
	if err != nil {
		return Status{}, err
	}
	if revision == 0 {
		return Status{}, state.ErrNotFound
	}
	return statusOf(rec)
}

// List reads the records of all passes, by id.
func (a *AntiEntropy) List(ctx context.Context) ([]Status, error) {
	records, err := a.records(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(records))
	for _, rec := range records {
		s, err := statusOf(rec)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
