package antientropy

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/state"
)

// records reads all records, by id. One that can not be read is left out.
func (a *AntiEntropy) records(ctx context.Context) ([]workflow.Record, error) {
	all, err := a.Store.Workflows(ctx, KindName)
	if err != nil {
		return nil, err
	}
	var list []workflow.Record
	for _, id := range slices.Sorted(maps.Keys(all)) {
		rec, err := workflow.Decode(all[id])
		if err != nil {
			a.Log.Error().Err(err).Msg("workflow record ignored")
			continue
		}
		list = append(list, rec)
	}
	return list, nil
}

type ended struct {
	id  string
	err error
}

// lead is one run of the leader.
type lead struct {
	*AntiEntropy
	leader workflow.Leader
	since  time.Time
	busy   map[string]bool
	ended  chan ended
}

// Lead runs passes for as long as the leadership lasts: what somebody else left behind, what is asked for, and what the
// schedule wants.
func (a *AntiEntropy) Lead(ctx context.Context, l workflow.Leader) error {
	one := *a
	one.Config = a.Config.WithDefaults()
	a = &one
	ctx, stop := context.WithCancel(ctx)
	run := &lead{AntiEntropy: a, leader: l, since: a.Now(), busy: map[string]bool{}, ended: make(chan ended, a.Config.AtOnce)}
	defer func() {
		stop()
		for range run.busy {
			<-run.ended
		}
	}()
	changed := a.Store.WorkflowChanges(ctx, KindName)
	for {
		records, err := a.records(ctx)
		if err != nil {
			return err
		}
		run.start(ctx, records)
		if err := run.resolve(ctx, records); err != nil {
			return err
		}
		next, err := run.schedule(ctx, records)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-next:
		case <-time.After(doubtPause):
		case e := <-run.ended:
			delete(run.busy, e.id)
			if errors.Is(e.err, state.ErrLostLeadership) {
				return e.err
			}
		}
	}
}

// start goes on with as many passes as there is room for.
func (l *lead) start(ctx context.Context, records []workflow.Record) {
	for _, rec := range records {
		if rec.State != workflow.Running || l.busy[rec.ID] || len(l.busy) >= l.Config.AtOnce {
			continue
		}
		l.busy[rec.ID] = true
		go func() { l.ended <- ended{rec.ID, l.run(ctx, rec.ID)} }()
	}
}

func (l *lead) run(ctx context.Context, id string) error {
	runner := &workflow.Runner[Progress]{
		Kind: l.kind(), Leader: l.leader, Holder: l.Holder, Now: l.Now, Log: l.Log, Metrics: l.Workflows,
	}
	rec, _, revision, err := workflow.Load[Progress](ctx, l.Store, KindName, id)
	if err != nil || revision == 0 || rec.State != workflow.Running {
		return err
	}
	if err := runner.Drive(ctx, rec, revision); err != nil {
		if ctx.Err() == nil && !errors.Is(err, state.ErrLostLeadership) {
			l.Log.Warn().Err(err).Str("pass", id).Msg("pass interrupted, it is taken up again")
		}
		return err
	}
	return l.finished(ctx, id)
}

// finished tells how a pass went.
func (l *lead) finished(ctx context.Context, id string) error {
	s, err := l.Status(ctx, id)
	if err != nil {
		return err
	}
	if s.Index == "" {
		l.Metrics.left(s.Result)
		l.Metrics.completed.WithLabelValues(mode(s.Deep)).Set(float64(s.UpdatedAt.Unix()))
		l.Metrics.took.WithLabelValues(mode(s.Deep)).Set(s.UpdatedAt.Sub(s.CreatedAt).Seconds())
	}
	l.Log.Info().Str("pass", id).Str("verdict", s.Verdict).Int("shards", s.Done).Uint64("documents", s.Documents).
		Int("mismatches", s.Mismatches).Int("repaired", s.Repaired).Int("incomplete", s.Incomplete).Int("unsettled", s.Unsettled).
		Int("strays", s.Strays).Int("strays_removed", s.Removed).
		Msg("copies compared")
	return nil
}

// schedule opens the passes that are due. next fires when one may be.
func (l *lead) schedule(ctx context.Context, records []workflow.Record) (next <-chan time.Time, err error) {
	if l.Config.Off {
		return nil, nil
	}
	soonest := time.Time{}
	for _, deep := range []bool{false, true} {
		in := Input{Deep: deep, Repair: !l.Config.Report}
		interval := l.Config.Light
		if deep {
			interval = l.Config.Deep
		}
		var last workflow.Record
		for _, rec := range records {
			if rec.ID == in.ID() {
				last = rec
			}
		}
		if last.State == workflow.Running {
			continue
		}
		at := due(in, last, l.since, interval)
		if !at.After(l.Now()) {
			if _, err := l.Request(ctx, in); err != nil {
				return nil, err
			}
			continue // its record changes
		}
		if soonest.IsZero() || at.Before(soonest) {
			soonest = at
		}
	}
	if soonest.IsZero() {
		return nil, nil
	}
	return time.After(soonest.Sub(l.Now())), nil
}
