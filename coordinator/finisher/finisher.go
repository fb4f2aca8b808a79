package finisher

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// Nodes asks sidecars; *client.Client does.
type Nodes interface {
	Do(ctx context.Context, r client.Request) (client.Answer, error)
	Dispatches(ctx context.Context, address string, ids []string) ([]nodeapi.Dispatch, error)
}

// Store records outcomes; *state.Client does.
type Store interface {
	PutSettings(ctx context.Context, physical string, rec routing.SettingsRecord, expected uint64) error
	FinishTask(ctx context.Context, r task.Record) (finished bool, err error)
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Open() []task.Record
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface{ View() *routing.View }

// Pauses between two rounds while tasks are open: short after progress, longer while nothing moves.
const (
	minPause = 20 * time.Millisecond
	maxPause = 200 * time.Millisecond
)

// maxIDs bounds the dispatches asked for in one request.
const maxIDs = 200

// Finisher finishes tasks.
type Finisher struct {
	Nodes Nodes
	Store Store
	Tasks Tasks
	Views Views
	Log   zerolog.Logger
}

// Run works until ctx ends. It sleeps while no task is open.
func (f *Finisher) Run(ctx context.Context) error {
	changed, cancel := f.Tasks.Subscribe()
	defer cancel()
	pause := minPause
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-changed:
			pause = minPause
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		open, finished := f.Round(ctx)
		if finished > 0 {
			pause = minPause
		} else {
			pause = min(2*pause, maxPause)
		}
		if open > finished {
			timer.Reset(pause)
		}
	}
}

// Round asks about all open tasks once and returns how many there were and how many it finished.
func (f *Finisher) Round(ctx context.Context) (open, finished int) {
	var mine []task.Record
	for _, r := range f.Tasks.Open() {
		if len(r.Targets) > 0 {
			mine = append(mine, r)
		}
	}
	outcomes := f.ask(ctx, mine)
	for _, r := range mine {
		done := task.Aggregate(r, outcomes[r.UID])
		if !done.Done() {
			continue
		}
		if done.Type == task.SettingsUpdate && done.Status == task.Succeeded {
			if err := f.commitSettings(ctx, done); err != nil {
				f.Log.Warn().Err(err).Msg("settings could not be committed yet")
				continue
			}
		}
		if _, err := f.Store.FinishTask(ctx, done); err != nil {
			f.Log.Warn().Err(err).Msg("task could not be finished yet")
			continue
		}
		finished++
	}
	return len(mine), finished
}

// ask collects the outcomes of the tasks, one request per node and maxIDs tasks.
func (f *Finisher) ask(ctx context.Context, tasks []task.Record) map[uint32][]task.Outcome {
	byNode := map[string][]uint32{}
	for _, r := range tasks {
		for _, t := range r.Targets {
			if !t.Missed {
				byNode[t.Node] = append(byNode[t.Node], r.UID)
			}
		}
	}
	v := f.Views.View()
	out := map[uint32][]task.Outcome{}
	for node, uids := range byNode {
		n, known := v.Nodes[node]
		if !known || !n.Alive {
			continue
		}
		for len(uids) > 0 {
			part := uids[:min(len(uids), maxIDs)]
			uids = uids[len(part):]
			f.askNode(ctx, n, part, out)
		}
	}
	return out
}

func (f *Finisher) askNode(ctx context.Context, n routing.Node, uids []uint32, out map[uint32][]task.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ids := make([]string, len(uids))
	for i, uid := range uids {
		ids[i] = task.DispatchID(uid)
	}
	answers, err := f.Nodes.Dispatches(ctx, n.Address, ids)
	if err != nil {
		f.Log.Debug().Err(err).Str("node", n.ID).Msg("node did not answer about its tasks")
		return
	}
	for i, a := range answers {
		if a.State == nodeapi.StateUnknown {
			continue
		}
		if o, err := task.ReadOutcome(n.ID, a.Task); err == nil {
			out[uids[i]] = append(out[uids[i]], o)
		}
	}
}
