package tasklist

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// carryOutDeletion deletes the finished tasks among those that a deletion selected.
func (l *List) carryOutDeletion(ctx context.Context, d task.Record) error {
	order, err := d.Ordered()
	if err != nil {
		return err
	}
	if order.Chosen == nil {
		if l.unrecorded(d, order) || l.underWay(ctx, d, order) {
			return nil // a later round finds them recorded
		}
		if d, err = l.choose(ctx, d, order); errors.Is(err, state.ErrNotFound) {
			return nil // somebody else ended it
		} else if err != nil {
			return err
		}
		if order, err = d.Ordered(); err != nil {
			return err
		}
	}
	uids, err := task.ParseUIDs(*order.Chosen)
	if err != nil {
		return err
	}
	l.forget(ctx, uids)
	if err := l.Store.DeleteTasks(ctx, uids); err != nil {
		return err
	}
	return l.end(ctx, d, len(uids))
}

// recordTime is how long a deletion waits for the record of an end that a client could see. Two seconds are usual.
const recordTime = 20 * time.Second

// unrecorded says whether a task has ended, and was selected for that, without a record of it.
func (l *List) unrecorded(d task.Record, order task.Order) bool {
	if order.Ended == "" || l.Now().Sub(d.EnqueuedAt) > recordTime {
		return false
	}
	ended, err := task.ParseUIDs(order.Ended)
	return err == nil && slices.ContainsFunc(ended, func(uid uint32) bool {
		r, ok := l.Tasks.Get(uid)
		return ok && !r.Done()
	})
}

// startTime is how long a deletion gives tasks that were selected to begin. An engine begins with a task at once.
const startTime = time.Second

// underWay says whether a task that was selected is being worked off. An engine looks at an order when it is through with what it works
// on, so a client that adds documents and deletes the task right afterwards finds it deleted; tasks that wait for others are left.
func (l *List) underWay(ctx context.Context, d task.Record, order task.Order) bool {
	selected, err := task.ParseUIDs(order.Tasks)
	if err != nil {
		return false
	}
	v, ask := l.Views.View(), map[string][]uint32{}
	for _, uid := range selected {
		r, ok := l.Tasks.Get(uid)
		if !ok || r.Done() || uid >= d.UID {
			continue
		}
		if r.Status == task.Processing {
			return true
		}
		for _, t := range r.Targets {
			if !t.Missed && v.Nodes[t.Node].Alive {
				ask[t.Node] = append(ask[t.Node], uid)
			}
		}
	}
	young := l.Now().Sub(d.EnqueuedAt) < startTime
	for _, states := range l.statesOn(ctx, v, ask) {
		for _, s := range states {
			if young || s.known && s.status != task.Enqueued {
				return true
			}
		}
	}
	return false
}

// choose notes which tasks a deletion deletes: those that are finished now.
func (l *List) choose(ctx context.Context, d task.Record, order task.Order) (task.Record, error) {
	all, err := task.ParseUIDs(order.Tasks)
	if err != nil {
		return d, err
	}
	chosen := task.FormatUIDs(slices.DeleteFunc(all, func(uid uint32) bool {
		r, ok := l.Tasks.Get(uid)
		return !ok || uid >= d.UID || !r.Done()
	}))
	return l.begin(ctx, d, func(r *task.Record) {
		if now, err := r.Ordered(); err == nil && now.Chosen != nil {
			return // whoever led before has chosen
		}
		order.Chosen = &chosen
		r.Op, _ = rawjson.Marshal(order)
	})
}

// forget lets the nodes delete their own tasks, so that their lists do not grow beyond ours. A node that is away keeps them
// until its engine makes room itself.
func (l *List) forget(ctx context.Context, uids []uint32) {
	v := l.Views.View()
	byNode := map[string][]uint32{}
	for _, uid := range uids {
		r, _ := l.Tasks.Get(uid)
		for _, t := range r.Targets {
			if v.Nodes[t.Node].Alive {
				byNode[t.Node] = append(byNode[t.Node], uid)
			}
		}
	}
	for node, states := range l.statesOn(ctx, v, byNode) {
		var own []uint32
		for _, s := range states {
			if s.known && task.Final(s.status) {
				own = append(own, s.uid)
			}
		}
		slices.Sort(own)
		for chunk := range slices.Chunk(own, maxIDs) {
			if err := l.tell(ctx, v, node, http.MethodDelete, "/tasks", chunk); err != nil {
				l.Log.Debug().Err(err).Str("node", node).Msg("node not told to forget tasks")
				break
			}
		}
	}
}
