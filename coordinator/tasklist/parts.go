package tasklist

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

const (
	// maxIDs bounds the dispatches of one question, and the engine tasks of one request.
	maxIDs = 500
	// tellPause is how soon a node is told again to stop a part that goes on.
	tellPause = 2 * time.Second
	// arrival is how long after its acceptance a part may still reach its node (the deadline of a write, and some more).
	arrival = 6 * time.Minute
)

// part is what is known about one node's part of a marked task.
type part struct {
	ended bool
	told  time.Time // when the node was last told to stop it
}

// progress is what is known about a marked task.
type progress struct {
	late  bool // a node has carried its part out: the others shall do so too
	parts map[string]*part
}

// of finds what is known about a task.
func (l *List) of(uid uint32) *progress {
	p := l.known[uid]
	if p == nil {
		p = &progress{parts: map[string]*part{}}
		l.known[uid] = p
	}
	return p
}

// on finds what is known about a node's part.
func (p *progress) on(node string) *part {
	if p.parts[node] == nil {
		p.parts[node] = &part{}
	}
	return p.parts[node]
}

// settled says whether a cancelation has nothing more to wait for: the task can not be stopped any more, or all parts within
// reach have ended and the others are on nodes that are away. A task whose parts have all ended is about to end itself.
func (l *List) settled(r task.Record) bool {
	v, p := l.Views.View(), l.of(r.UID)
	away := false
	for _, t := range r.Targets {
		switch {
		case t.Missed || p.on(t.Node).ended:
		case !v.Nodes[t.Node].Alive:
			away = true
		default:
			return p.late
		}
	}
	return away || p.late
}

// stop makes the nodes stop their parts of marked tasks. Engines stop independently of each other, and a task that is
// stopped on some of them only leaves copies behind that must be repaired. So nobody is told before all nodes within reach
// have said that they are not through with it, and then all are told at once.
func (l *List) stop(ctx context.Context, marked []task.Record) {
	v := l.Views.View()
	listed := make(map[uint32]bool, len(marked))
	ask := map[string][]uint32{}
	for _, r := range marked {
		listed[r.UID] = true
		p := l.of(r.UID)
		for _, t := range r.Targets {
			if !p.late && !t.Missed && v.Nodes[t.Node].Alive && !p.on(t.Node).ended {
				ask[t.Node] = append(ask[t.Node], r.UID)
			}
		}
	}
	maps.DeleteFunc(l.known, func(uid uint32, _ *progress) bool { return !listed[uid] })
	said := l.statesOn(ctx, v, ask)
	tell := map[string][]uint32{}
	for _, r := range marked {
		for node, uid := range l.running(r, said, v) {
			tell[node] = append(tell[node], uid)
		}
	}
	var all sync.WaitGroup
	for node, uids := range tell {
		all.Go(func() {
			slices.Sort(uids)
			for chunk := range slices.Chunk(uids, maxIDs) {
				if err := l.tell(ctx, v, node, http.MethodPost, "/tasks/cancel", chunk); err != nil {
					l.Log.Debug().Err(err).Str("node", node).Msg("node not told to stop")
				}
			}
		})
	}
	all.Wait()
}

// running notes how far the parts of a task are, and lists the engine tasks of those that must be told to stop now, by
// node.
func (l *List) running(r task.Record, said map[string]map[uint32]engineTask, v *routing.View) map[string]uint32 {
	p, now := l.of(r.UID), l.Now()
	uids := map[string]uint32{}
	whole := true
	for _, t := range r.Targets {
		if t.Missed || p.on(t.Node).ended || !v.Nodes[t.Node].Alive {
			continue
		}
		s, answered := said[t.Node][r.UID]
		switch {
		case !answered:
			whole = false
		case s.known && task.Final(s.status):
			p.on(t.Node).ended = true
			p.late = p.late || s.status != task.Canceled
		case s.known:
			uids[t.Node] = s.uid
		case now.Sub(r.EnqueuedAt) > arrival:
			p.on(t.Node).ended = true // it will not come any more
		}
	}
	if p.late || !whole {
		return nil
	}
	maps.DeleteFunc(uids, func(node string, _ uint32) bool { return now.Sub(p.on(node).told) < tellPause })
	for node := range uids {
		p.on(node).told = now
	}
	return uids
}

// statesOn asks several nodes at once what became of their parts. Nodes that do not answer are left out.
func (l *List) statesOn(ctx context.Context, v *routing.View, ask map[string][]uint32) map[string]map[uint32]engineTask {
	said := map[string]map[uint32]engineTask{}
	var all sync.WaitGroup
	var mu sync.Mutex
	for node, uids := range ask {
		all.Go(func() {
			for chunk := range slices.Chunk(uids, maxIDs) {
				states, err := l.states(ctx, v.Nodes[node], chunk)
				if err != nil {
					l.Log.Debug().Err(err).Str("node", node).Msg("node did not answer about its tasks")
					return
				}
				mu.Lock()
				if said[node] == nil {
					said[node] = map[uint32]engineTask{}
				}
				maps.Copy(said[node], states)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return said
}

// engineTask is a node's own task for its part of one of ours.
type engineTask struct {
	known  bool
	uid    uint32
	status string
}

// states asks a node what became of its parts.
func (l *List) states(ctx context.Context, n routing.Node, uids []uint32) (map[uint32]engineTask, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ids := make([]string, len(uids))
	for i, uid := range uids {
		if r, known := l.Tasks.Get(uid); known {
			ids[i] = r.DispatchID()
			continue
		}
		ids[i] = task.DispatchID(uid)
	}
	found, err := l.Nodes.Dispatches(ctx, n.Address, ids)
	if err != nil {
		return nil, err
	}
	states := make(map[uint32]engineTask, len(uids))
	for i, d := range found {
		if d.State == nodeapi.StateUnknown {
			states[uids[i]] = engineTask{}
			continue
		}
		var own struct {
			UID uint32 `json:"uid"`
		}
		if err := json.Unmarshal(d.Task, &own); err != nil {
			return nil, fmt.Errorf("engine task: %w", err)
		}
		states[uids[i]] = engineTask{known: true, uid: own.UID, status: d.State}
	}
	return states, nil
}

// tell sends a node an order about its own tasks.
func (l *List) tell(ctx context.Context, v *routing.View, node, method, path string, uids []uint32) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	list := make([]string, len(uids))
	for i, uid := range uids {
		list[i] = strconv.FormatUint(uint64(uid), 10)
	}
	a, err := l.Nodes.Do(ctx, client.Request{
		Address: v.Nodes[node].Address, Method: method, Path: path + "?uids=" + url.QueryEscape(strings.Join(list, ",")),
		Leg: nodeapi.Leg{Epoch: v.Epoch},
	})
	if err == nil && a.Status >= http.StatusMultipleChoices {
		err = fmt.Errorf("node answered %d", a.Status)
	}
	return err
}
