package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/state"
)

// Bounds of a step that can not be carried out.
const (
	retryFirst   = 100 * time.Millisecond
	retryLongest = 5 * time.Second
	stallLimit   = 15 * time.Minute
)

// Leader commits records while it leads; *state.Leadership is one.
type Leader interface {
	Token() int64
	PutWorkflow(ctx context.Context, kind, id string, record any, expected int64) (revision int64, err error)
}

// Verdict is what a step decides.
type Verdict struct {
	Next  string        // the phase to enter; empty ends the workflow
	Error *apierr.Error // only with an empty Next: what the operation failed with
}

// Step carries out one phase. progress is what the record holds; changes to it are committed with the next phase.
type Step[P any] func(ctx context.Context, progress *P) (Verdict, error)

// Kind is one sort of workflow.
type Kind[P any] struct {
	Name  string
	First string // the phase a new workflow begins with
	Steps map[string]Step[P]
	// Settle makes the progress of a finished workflow small, for the record stays. It may be nil.
	Settle func(progress *P)
}

// Runner drives the workflows of one kind on behalf of one leadership.
type Runner[P any] struct {
	Kind    Kind[P]
	Leader  Leader
	Holder  string // id of this coordinator
	Now     func() time.Time
	Log     zerolog.Logger
	Metrics *Metrics
}

// Start records a new workflow at its first phase. expected is the revision of a finished record of the same id, or 0.
func (r *Runner[P]) Start(ctx context.Context, id, scope string, progress P, expected int64) (Record, int64, error) {
	rec, err := New(r.Kind, id, scope, r.Holder, r.Now(), progress)
	if err != nil {
		return rec, 0, err
	}
	revision, err := r.put(ctx, &rec, progress, expected)
	return rec, revision, err
}

// Drive runs a workflow from its recorded phase to its end. It returns early only when ctx ends, or when the record can
// not be written because somebody else leads.
func (r *Runner[P]) Drive(ctx context.Context, rec Record, revision int64) error {
	r.Metrics.declare(r.Kind.Name)
	r.Metrics.running.WithLabelValues(r.Kind.Name).Inc()
	defer r.Metrics.running.WithLabelValues(r.Kind.Name).Dec()
	for rec.State == Running {
		step, ok := r.Kind.Steps[rec.Phase]
		if !ok {
			return fmt.Errorf("workflow %s: phase %q is unknown to this program", r.Kind.Name, rec.Phase)
		}
		progress, verdict, err := r.attempt(ctx, rec, step)
		if err != nil {
			return err
		}
		if revision, err = r.advance(ctx, &rec, progress, verdict, revision); err != nil {
			return err
		}
	}
	return nil
}

// advance commits what a step decided.
func (r *Runner[P]) advance(ctx context.Context, rec *Record, progress P, v Verdict, revision int64) (int64, error) {
	next := *rec
	if v.Next == "" {
		next.State, next.Error = Succeeded, v.Error
		if v.Error != nil {
			next.State = Failed
		}
		if r.Kind.Settle != nil {
			r.Kind.Settle(&progress)
		}
	}
	next.enter(v.Next, r.Holder, r.Now())
	// A transaction that gets no answer may have been committed. Then the next attempt finds another revision, and the
	// caller reads the record again.
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		put, err := r.put(ctx, &next, progress, revision)
		if err == nil {
			*rec = next
			if next.State != Running {
				r.Metrics.finished.WithLabelValues(r.Kind.Name, string(next.State)).Inc()
			}
			return put, nil
		}
		if !errors.Is(err, state.ErrUnavailable) {
			return 0, err
		}
		if e := r.wait(ctx, pause); e != nil {
			return 0, e
		}
	}
}

func (r *Runner[P]) put(ctx context.Context, rec *Record, progress P, expected int64) (int64, error) {
	if err := rec.note(progress); err != nil {
		return 0, err
	}
	rec.Token = r.Leader.Token()
	failpoint.Before("workflow", point(rec))
	revision, err := r.Leader.PutWorkflow(ctx, rec.Kind, rec.ID, *rec, expected)
	if err != nil {
		return 0, fmt.Errorf("workflow %s: %w", r.Kind.Name, err)
	}
	failpoint.After("workflow", point(rec))
	return revision, nil
}

// point names what a record is about to say, for failpoints: its phase, or how it ended.
func point(rec *Record) string {
	if rec.State != Running {
		return rec.Kind + "." + string(rec.State)
	}
	return rec.Kind + "." + rec.Phase
}

// attempt runs a step until it decides. Every attempt begins with the recorded progress.
func (r *Runner[P]) attempt(ctx context.Context, rec Record, step Step[P]) (progress P, verdict Verdict, err error) {
	since, stalled := r.Now(), false
	defer func() {
		if stalled {
			r.Metrics.stalled.WithLabelValues(r.Kind.Name).Dec()
		}
	}()
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		progress = *new(P)
		if err := json.Unmarshal(rec.Progress, &progress); err != nil {
			return progress, verdict, fmt.Errorf("workflow %s: progress: %w", r.Kind.Name, err)
		}
		verdict, err = step(ctx, &progress)
		if ctx.Err() != nil {
			return progress, verdict, context.Cause(ctx)
		}
		if err == nil || errors.Is(err, state.ErrLostLeadership) {
			return progress, verdict, err
		}
		if !stalled && r.Now().Sub(since) >= stallLimit {
			stalled = true
			r.Metrics.stalled.WithLabelValues(r.Kind.Name).Inc()
		}
		r.Metrics.retries.WithLabelValues(r.Kind.Name).Inc()
		r.Log.Warn().Err(err).Str("kind", r.Kind.Name).Str("phase", rec.Phase).Msg("workflow step is tried again")
		if err := r.wait(ctx, pause); err != nil {
			return progress, verdict, err
		}
	}
}

func (r *Runner[P]) wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}
