package tasklist

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// Scope is the scope whose leader carries orders out.
const Scope = "task_list"

// Nodes asks sidecars; *client.Client does.
type Nodes interface {
	Dispatches(ctx context.Context, address string, ids []string) ([]nodeapi.Dispatch, error)
	Do(ctx context.Context, r client.Request) (client.Answer, error)
}

// Store changes tasks; *state.Client does.
type Store interface {
	AmendTask(ctx context.Context, uid uint32, change func(*task.Record)) (task.Record, error)
	FinishTask(ctx context.Context, r task.Record) (finished bool, err error)
	DeleteTasks(ctx context.Context, uids []uint32) error
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Open() []task.Record
	Get(uid uint32) (task.Record, bool)
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface{ View() *routing.View }

// Pauses between two rounds while an order is being carried out. Changes of the task list within wakePause are one round.
const (
	wakePause    = 5 * time.Millisecond
	firstPause   = 20 * time.Millisecond
	longestPause = 500 * time.Millisecond
	askTimeout   = 2 * time.Second
)

// List carries out orders. All fields must be set.
type List struct {
	Nodes   Nodes
	Store   Store
	Tasks   Tasks
	Views   Views
	Now     func() time.Time
	Log     zerolog.Logger
	Metrics *Metrics

	known map[uint32]*progress // of marked tasks
}

// Lead works until ctx ends. It rests while there is no order and no marked task.
func (l *List) Lead(ctx context.Context) error {
	l.known = map[uint32]*progress{}
	changed, cancel := l.Tasks.Subscribe()
	defer cancel()
	next := time.NewTimer(0)
	defer next.Stop()
	pause := firstPause
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
			next.Reset(wakePause)
			pause = firstPause
		case <-next.C:
			if l.round(ctx) {
				next.Reset(pause)
				pause = min(2*pause, longestPause)
			}
		}
	}
}

// round does what can be done now; busy says whether something is left to do.
func (l *List) round(ctx context.Context) (busy bool) {
	var cancelations, deletions, marked []task.Record
	for _, r := range l.Tasks.Open() {
		order := r.Type == task.TaskCancelation || r.Type == task.TaskDeletion
		if _, err := selected(r); order && err != nil {
			l.note(l.spoilt(ctx, r), "unreadable order not ended yet")
			busy = true
			continue
		}
		switch {
		case r.Type == task.TaskCancelation:
			cancelations = append(cancelations, r)
		case r.Type == task.TaskDeletion:
			deletions = append(deletions, r)
		case r.Canceling != nil:
			marked = append(marked, r)
		}
	}
	l.Metrics.open.Set(float64(len(cancelations) + len(deletions)))
	slices.Reverse(cancelations) // as in Meilisearch the newest first
	for _, c := range cancelations {
		more, err := l.mark(ctx, c)
		l.note(err, "cancelation not carried out yet")
		marked = append(marked, more...)
	}
	l.stop(ctx, marked)
	for _, c := range cancelations {
		l.note(l.concludeCancelation(ctx, c), "cancelation not ended yet")
	}
	for _, d := range deletions {
		l.note(l.carryOutDeletion(ctx, d), "deletion of tasks not carried out yet")
	}
	return busy || len(cancelations)+len(deletions)+len(marked) > 0
}

// spoilt ends an order that can not be read, which no gateway writes.
func (l *List) spoilt(ctx context.Context, r task.Record) error {
	r.Finish(l.Now(), apierr.New(apierr.MiroirInternal, "The recorded order can not be read."))
	_, err := l.Store.FinishTask(ctx, r)
	return err
}

func (l *List) note(err error, what string) {
	if err != nil {
		l.Log.Warn().Err(err).Msg(what)
	}
}

// begin notes that an order is being carried out, and what else change does to its record.
func (l *List) begin(ctx context.Context, r task.Record, change func(*task.Record)) (task.Record, error) {
	return l.Store.AmendTask(ctx, r.UID, func(r *task.Record) {
		if r.Status == task.Enqueued {
			now := l.Now()
			r.Status, r.StartedAt = task.Processing, &now
		}
		change(r)
	})
}

// end finishes an order with the number of tasks that it was carried out on.
func (l *List) end(ctx context.Context, r task.Record, n int) error {
	r.SetCount(n)
	r.Finish(l.Now(), nil)
	finished, err := l.Store.FinishTask(ctx, r)
	if err == nil && finished {
		l.Metrics.orders.WithLabelValues(r.Type).Inc()
		l.Metrics.tasks.WithLabelValues(r.Type).Add(float64(n))
		l.Log.Info().Str("type", r.Type).Int("tasks", n).Msg("order about tasks carried out")
	}
	return err
}
