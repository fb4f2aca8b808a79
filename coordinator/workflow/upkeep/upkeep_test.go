package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// world is everything around the workflow, in memory: two groups of two nodes, and one task.
type world struct {
	mu       sync.Mutex
	view     *routing.View
	task     task.Record
	record   []byte
	revision int64
	dieAt    int // the put of the record at which the leadership is lost, 0 for never
	puts     int
	ended    chan struct{}
	engines  map[string]*engine // by address
	busy     map[int]int        // engines of a group that work now
	most     int                // that worked at the same time in one group
}

type engine struct {
	group   int
	tasks   map[string]bool // by dispatch, whether it has ended
	refuses string          // answer
	asked   []string
}

func newWorld(t *testing.T, kind string, down ...string) *world {
	t.Helper()
	w := &world{ended: make(chan struct{}), engines: map[string]*engine{}, busy: map[int]int{}}
	b := routing.NewBuilder()
	put := func(k, record string) {
		if err := b.Put(k, []byte(record), 1); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		put("nodes/"+id, fmt.Sprintf(`{"v":1,"id":%q,"address":"http://%s","replica_group":%d,"state":"active","engine_version":"1.50.0"}`, id, id, i/2))
		put("health/"+id, fmt.Sprintf(`{"v":1,"ok":%v}`, !slices.Contains(down, id)))
		w.engines["http://"+id] = &engine{group: i / 2, tasks: map[string]bool{}}
	}
	put("nodes/gone", `{"v":1,"id":"gone","state":"removed"}`)
	put("indexes/x", `{"v":1,"uid":"x","physical":"x--1","shards":1}`)
	put("placement/x--1", `{"v":1,"physical":"x--1","shards":1,"groups":{
		"0":[[{"node":"a","state":"active"},{"node":"b","state":"active"}]],"1":[[{"node":"c","state":"active"},{"node":"d","state":"active"}]]}}`)
	w.view = b.View()
	uid := "x"
	w.task = task.NewUpkeep(task.Record{V: 1, UID: 7, Type: kind, Status: task.Enqueued})
	if kind == task.IndexCompaction {
		w.task.IndexUID, w.task.Physical = &uid, "x--1"
	}
	return w
}

func (w *world) Do(_ context.Context, r client.Request) (client.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.engines[r.Address]
	e.asked = append(e.asked, r.Path)
	if e.refuses != "" {
		return client.Answer{Status: 501, Body: []byte(e.refuses)}, nil
	}
	if _, known := e.tasks[r.Leg.Dispatch]; !known {
		e.tasks[r.Leg.Dispatch] = false
		w.busy[e.group]++
		w.most = max(w.most, w.busy[e.group])
	}
	return client.Answer{Status: 202, Body: []byte(`{}`)}, nil
}

func (w *world) Dispatches(_ context.Context, address string, ids []string) ([]nodeapi.Dispatch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.engines[address]
	ended, known := e.tasks[ids[0]]
	switch {
	case !known:
		return []nodeapi.Dispatch{{ID: ids[0], State: nodeapi.StateUnknown}}, nil
	case !ended:
		e.tasks[ids[0]] = true
		w.busy[e.group]--
		return []nodeapi.Dispatch{{ID: ids[0], State: task.Processing}}, nil
	}
	return []nodeapi.Dispatch{{ID: ids[0], State: task.Succeeded, Task: json.RawMessage(
		`{"status":"succeeded","details":{"preCompactionSize":"72 KiB","postCompactionSize":"44 KiB"},"finishedAt":"2026-01-02T03:04:05Z"}`)}}, nil
}

func (w *world) Task(context.Context, uint32) (task.Record, error) { return w.task, nil }

func (w *world) UpdateTask(_ context.Context, r task.Record) error { w.task = r; return nil }

func (w *world) FinishTask(_ context.Context, r task.Record) (bool, error) {
	w.task = r
	return true, nil
}

func (w *world) Open() []task.Record {
	if w.task.Done() {
		return nil
	}
	return []task.Record{w.task}
}

func (w *world) Subscribe() (changed <-chan struct{}, cancel func()) { return nil, func() {} }

func (w *world) Workflow(context.Context, string, string) ([]byte, int64, error) {
	if w.record == nil {
		return nil, 0, state.ErrNotFound
	}
	return w.record, w.revision, nil
}

func (w *world) Workflows(context.Context, string) (map[string][]byte, error) { return nil, nil }

func (w *world) Token() int64 { return 1 }

func (w *world) PutWorkflow(_ context.Context, _, _ string, record any, expected int64) (int64, error) {
	if w.puts++; w.puts == w.dieAt {
		return 0, state.ErrLostLeadership
	}
	if expected != w.revision {
		return 0, state.ErrConflict
	}
	w.record, _ = json.Marshal(record)
	w.revision++
	if rec, err := workflow.Decode(w.record); err == nil && rec.State != workflow.Running {
		close(w.ended)
	}
	return w.revision, nil
}

// run leads until the task has ended, again where the leadership is lost.
func (w *world) run(t *testing.T) Progress {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-w.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		u := &Upkeep{
			Records: w, Store: w, Nodes: w, View: func() *routing.View { return w.view }, Tasks: w, Holder: "c", Now: time.Now, Log: zerolog.Nop(),
			Workflows: workflow.NewMetrics(prometheus.NewRegistry()),
		}
		if err := u.Lead(ctx, w); !errors.Is(err, state.ErrLostLeadership) {
			break
		}
		w.dieAt = 0
	}
	rec, err := workflow.Decode(w.record)
	if err != nil {
		t.Fatal(err)
	}
	var p Progress
	if err := json.Unmarshal(rec.Progress, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Wherever the coordinator dies, every engine does its part once, one of a group at a time (§2, BG-8).
func TestCompactionGoesThroughTheNodes(t *testing.T) {
	for die := range 6 {
		w := newWorld(t, task.IndexCompaction)
		w.dieAt = die
		p := w.run(t)
		if w.task.Status != task.Succeeded || string(w.task.Details) != `{"preCompactionSize":"288 KiB","postCompactionSize":"176 KiB"}` {
			t.Errorf("die at %d: %s %s %v", die, w.task.Status, w.task.Details, w.task.Error)
		}
		if w.most != 1 || len(p.Done) != 4 {
			t.Errorf("die at %d: %d of a group at a time, %d done", die, w.most, len(p.Done))
		}
		for address, e := range w.engines {
			if len(e.tasks) != 1 || e.asked[0] != "/indexes/x--1/compact" {
				t.Errorf("%s: %v", address, e.asked)
			}
		}
	}
}

func TestBatches(t *testing.T) {
	w := newWorld(t, task.IndexCompaction)
	for kind, want := range map[string][]string{task.IndexCompaction: {"a", "c"}, task.SnapshotCreation: {"a", "b", "c", "d"}} {
		if got := batch(&Progress{Type: kind, Todo: []string{"a", "b", "c", "d"}}, w.view); !slices.Equal(got, want) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

func TestSnapshotsAreTakenOnAllNodesAtOnce(t *testing.T) {
	w := newWorld(t, task.SnapshotCreation)
	p := w.run(t)
	if w.task.Status != task.Succeeded || w.task.Details != nil {
		t.Errorf("%s %s", w.task.Status, w.task.Details)
	}
	if len(p.Snapshots) != 1 || p.Snapshots[0].Task != 7 || len(p.Snapshots[0].Parts) != 4 || p.Snapshots[0].Parts[0].Engine != "1.50.0" {
		t.Errorf("manifest %+v", p.Snapshots)
	}
}

// Nodes that are down, engines that refuse, and an index that is gone are told by the task.
func TestUpkeepTellsWhatWasNotDone(t *testing.T) {
	w := newWorld(t, task.SnapshotCreation, "b", "d")
	w.run(t)
	if w.task.Status != task.Failed || w.task.Error.Code != "miroir_broadcast_incomplete" || !strings.Contains(w.task.Error.Message, "b, d") {
		t.Errorf("%s %v", w.task.Status, w.task.Error)
	}
	w = newWorld(t, task.IndexCompaction)
	w.engines["http://c"].refuses = `{"message":"no","code":"not_implemented","type":"internal"}`
	w.run(t)
	if w.task.Status != task.Failed || w.task.Error.Code != "not_implemented" {
		t.Errorf("%s %v", w.task.Status, w.task.Error)
	}
	w = newWorld(t, task.IndexCompaction)
	w.task.Physical = "x--9"
	w.run(t)
	if w.task.Status != task.Failed || w.task.Error.Code != "index_not_found" || w.task.Error.Message != "Index `x` not found." {
		t.Errorf("%s %v", w.task.Status, w.task.Error)
	}
	w = newWorld(t, task.IndexCompaction)
	w.task.Status = task.Canceled
	if _, found := (&Upkeep{Tasks: w}).next(nil); found {
		t.Error("a canceled task is begun")
	}
}
