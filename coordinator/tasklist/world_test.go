package tasklist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// world is everything around a list, in memory: the task list, the store, the nodes. A node's own task of task n has the
// uid 100+n.
type world struct {
	t       *testing.T
	mu      sync.Mutex
	tasks   map[uint32]task.Record
	deleted []uint32
	changed chan struct{}
	up      map[string]bool
	parts   map[string]map[uint32]string // node, task: status of the part
	stuck   map[string]bool              // nodes that do not stop what they run
	orders  []string
	crash   int // store calls until the store stops answering, -1 for never
}

func newWorld(t *testing.T, nodes ...string) *world {
	w := &world{
		t: t, tasks: map[uint32]task.Record{}, changed: make(chan struct{}, 1), up: map[string]bool{}, parts: map[string]map[uint32]string{},
		stuck: map[string]bool{}, crash: -1,
	}
	for _, n := range nodes {
		w.up[n], w.parts[n] = true, map[uint32]string{}
	}
	return w
}

func (w *world) list() *List {
	return &List{
		Nodes: w, Store: w, Tasks: w, Views: w, Now: time.Now, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry()),
	}
}

// write adds an open document task with a part on every node.
func (w *world) write(uid uint32, status string) {
	r := task.Record{
		UID: uid, Type: task.DocumentAddition, Status: task.Enqueued, EnqueuedAt: time.Now(),
		Details: json.RawMessage(`{"receivedDocuments":1,"indexedDocuments":null}`),
	}
	for _, n := range slices.Sorted(maps.Keys(w.parts)) {
		r.Targets = append(r.Targets, task.Target{Node: n, Shards: "0"})
		w.parts[n][uid] = status
	}
	w.tasks[uid] = r
}

// order adds a cancelation or deletion of tasks.
func (w *world) order(uid uint32, kind string, uids ...uint32) {
	w.t.Helper()
	r := task.Record{UID: uid, Type: kind, Status: task.Enqueued, EnqueuedAt: time.Now()}
	var err error
	if r.Op, r.Details, err = task.NewOrder(kind, uids, nil, "uids=*"); err != nil {
		w.t.Fatal(err)
	}
	w.tasks[uid] = r
}

func (w *world) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// finish does what a finisher does: it ends tasks whose parts have all ended.
func (w *world) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for uid, r := range w.tasks {
		var outcomes []task.Outcome
		for _, t := range r.Targets {
			outcomes = append(outcomes, task.Outcome{Node: t.Node, Known: w.parts[t.Node][uid] != "", Status: w.parts[t.Node][uid], Ended: time.Now()})
		}
		if done := task.Aggregate(r, outcomes); done.Done() {
			done.Canceling = nil
			w.tasks[uid] = done
			w.wake()
		}
	}
}

func (w *world) get(uid uint32) task.Record {
	r, _ := w.Get(uid)
	return r
}

func (w *world) Open() []task.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	var open []task.Record
	for _, uid := range slices.Sorted(maps.Keys(w.tasks)) {
		if r := w.tasks[uid]; !r.Done() {
			open = append(open, r)
		}
	}
	return open
}

func (w *world) Get(uid uint32) (task.Record, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.tasks[uid]
	return r, ok
}

func (w *world) Subscribe() (changed <-chan struct{}, cancel func()) { return w.changed, func() {} }

func (w *world) View() *routing.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &routing.View{Epoch: 5, Nodes: map[string]routing.Node{}}
	for id, up := range w.up {
		v.Nodes[id] = routing.Node{NodeRecord: routing.NodeRecord{ID: id, Address: id}, Alive: up, OK: up}
	}
	return v
}

var errCrash = errors.New("crash")

// step counts down to a crash.
func (w *world) step() error {
	if w.crash == 0 {
		return errCrash
	}
	if w.crash > 0 {
		w.crash--
	}
	return nil
}

func (w *world) AmendTask(_ context.Context, uid uint32, change func(*task.Record)) (task.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.step(); err != nil {
		return task.Record{}, err
	}
	r, ok := w.tasks[uid]
	if !ok || r.Done() {
		return r, state.ErrNotFound
	}
	change(&r)
	w.tasks[uid] = r
	w.wake()
	return r, nil
}

func (w *world) FinishTask(_ context.Context, r task.Record) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.step(); err != nil {
		return false, err
	}
	if old := w.tasks[r.UID]; old.Done() {
		return false, nil
	}
	w.tasks[r.UID] = r
	w.wake()
	return true, nil
}

func (w *world) DeleteTasks(_ context.Context, uids []uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.step(); err != nil {
		return err
	}
	for _, uid := range uids {
		if r, ok := w.tasks[uid]; ok {
			if !r.Done() {
				w.t.Errorf("open task %d was deleted", uid)
			}
			delete(w.tasks, uid)
			w.deleted = append(w.deleted, uid)
		}
	}
	w.wake()
	return nil
}

func (w *world) Dispatches(_ context.Context, node string, ids []string) ([]nodeapi.Dispatch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.up[node] {
		return nil, errors.New("connection refused")
	}
	if len(ids) > maxIDs {
		w.t.Errorf("%d ids in one question", len(ids))
	}
	out := make([]nodeapi.Dispatch, len(ids))
	for i, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, err
		}
		out[i] = nodeapi.Dispatch{ID: id, State: nodeapi.StateUnknown}
		if status := w.parts[node][uint32(n)]; status != "" {
			out[i].State, out[i].Task = status, json.RawMessage(fmt.Sprintf(`{"uid":%d,"status":%q}`, 100+n, status))
		}
	}
	return out, nil
}

func (w *world) Do(_ context.Context, r client.Request) (client.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, err := url.Parse(r.Path)
	if err != nil || !w.up[r.Address] {
		return client.Answer{}, errors.Join(err, errors.New("no answer"))
	}
	if r.Leg.Epoch != 5 {
		w.t.Errorf("epoch %d", r.Leg.Epoch)
	}
	w.orders = append(w.orders, r.Method+" "+r.Address+u.Path+" "+u.Query().Get("uids"))
	for _, id := range strings.Split(u.Query().Get("uids"), ",") {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			w.t.Error(err)
		}
		uid := uint32(n - 100)
		status := w.parts[r.Address][uid]
		switch {
		case r.Method == http.MethodDelete && task.Final(status):
			delete(w.parts[r.Address], uid)
		case r.Method == http.MethodPost && !task.Final(status) && !w.stuck[r.Address]:
			w.parts[r.Address][uid] = task.Canceled
		}
	}
	return client.Answer{Status: http.StatusOK}, nil
}
