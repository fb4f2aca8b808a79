package finisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// world is everything around a finisher, in memory: the task list, the store, the nodes.
type world struct {
	mu       sync.Mutex
	tasks    map[uint32]task.Record
	changed  chan struct{}
	view     *routing.View
	said     map[string]map[uint32]string // node, task: status
	asked    map[string]int
	largest  int
	deleted  []string // addresses that were told to delete an index
	dirty    []string
	indexes  []routing.IndexRecord
	failNext error
	pruned   []uint32
	gateways map[string]state.GatewayRecord
	promised []string // node and dispatch of what nodes were asked to disown
}

func newWorld(up ...string) *world {
	return &world{
		tasks: map[uint32]task.Record{}, changed: make(chan struct{}, 1), view: viewOf(up...), said: map[string]map[uint32]string{},
		asked: map[string]int{},
	}
}

func (w *world) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *world) put(r task.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks[r.UID] = r
	w.wake()
}

func (w *world) say(node string, uid uint32, status string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said[node] == nil {
		w.said[node] = map[uint32]string{}
	}
	w.said[node][uid] = status
}

func (w *world) get(uid uint32) *task.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.tasks[uid]
	return &r
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

func (w *world) Each(_ bool, visit func(*task.Record) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, uid := range slices.Sorted(maps.Keys(w.tasks)) {
		r := w.tasks[uid]
		if !visit(&r) {
			return
		}
	}
}

func (w *world) Subscribe() (changed <-chan struct{}, cancel func()) { return w.changed, func() {} }

func (w *world) View() *routing.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view
}

func (w *world) Dispatches(_ context.Context, address string, ids []string) ([]nodeapi.Dispatch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	node := strings.TrimPrefix(address, "http://")
	w.asked[node]++
	w.largest = max(w.largest, len(ids))
	out := make([]nodeapi.Dispatch, len(ids))
	for i, id := range ids {
		uid, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, err
		}
		out[i] = nodeapi.Dispatch{ID: id, State: nodeapi.StateUnknown}
		switch status := w.said[node][uint32(uid)]; status {
		case "":
		case "silent":
			return nil, errors.New("connection refused")
		default:
			out[i].State = status
			out[i].Task = json.RawMessage(`{"status":"` + status + `","startedAt":"2026-01-02T03:04:06Z","finishedAt":"2026-01-02T03:04:07Z"}`)
		}
	}
	return out, nil
}

func (w *world) Do(_ context.Context, r client.Request) (client.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Path == nodeapi.PathDisown {
		return w.disown(r)
	}
	w.deleted = append(w.deleted, fmt.Sprint(r.Method, " ", r.Address, r.Path, " ", r.Leg.Dispatch))
	return client.Answer{Status: http.StatusAccepted}, nil
}

// disown is what a node answers that has nothing of what it is asked for.
func (w *world) disown(r client.Request) (client.Answer, error) {
	var q nodeapi.DisownQuery
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return client.Answer{}, err
	}
	var out nodeapi.Disowned
	for _, o := range q.Writes {
		w.promised = append(w.promised, fmt.Sprint(strings.TrimPrefix(r.Address, "http://"), " ", o.Dispatch))
		out.Writes = append(out.Writes, o.Dispatch)
	}
	body, err := json.Marshal(out)
	return client.Answer{Status: http.StatusOK, Body: body}, err
}

func (w *world) Gateways(context.Context) (map[string]state.GatewayRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.gateways), nil
}

func (w *world) FinishTask(_ context.Context, r task.Record) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failNext; err != nil {
		w.failNext = nil
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
	for _, uid := range uids {
		delete(w.tasks, uid)
	}
	w.pruned = append(w.pruned, uids...)
	return nil
}

func (w *world) MarkMissed(_ context.Context, physical string, _ state.Miss, judge func(state.DirtyFunc) state.Marking) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for node, shards := range judge(func(int, string) bool { return false }).Nodes {
		w.dirty = append(w.dirty, fmt.Sprint(physical, " ", node, " ", shards))
	}
	return nil
}

func (w *world) UpdateIndex(_ context.Context, uid string, change func(*routing.IndexRecord) error) (routing.IndexRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := w.view.Indexes[uid].IndexRecord
	err := change(&rec)
	w.indexes = append(w.indexes, rec)
	return rec, err
}

// run starts a finisher inside a synctest bubble, whose clock stands still while anybody works.
func (w *world) run(t *testing.T, limits Limits) {
	t.Helper()
	f := &Finisher{
		Nodes: w, Store: w, Tasks: w, Views: w, Now: time.Now, Limits: limits, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Lead(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the finisher ended with %v", err)
		}
	})
}

// after lets the bubble's clock run.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func fresh(uid uint32) task.Record {
	r := write()
	r.UID, r.EnqueuedAt = uid, time.Now()
	return r
}

// TK-7: the final state is recorded soon after the last node finished, and nothing is asked while nothing is open.
func TestTK7FinishesSoonAndRestsOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.run(t, Limits{})
		after(time.Minute)
		if len(w.asked) > 0 {
			t.Fatalf("asked without a task: %v", w.asked)
		}
		for _, node := range []string{"a", "b", "c"} {
			w.say(node, 7, task.Processing)
		}
		w.put(fresh(7))
		after(10 * time.Second)
		if got := w.get(7); got.Done() {
			t.Fatalf("finished while it runs: %+v", got)
		}
		for _, node := range []string{"a", "b", "c"} {
			w.say(node, 7, task.Succeeded)
		}
		after(250 * time.Millisecond)
		if got := w.get(7); got.Status != task.Succeeded {
			t.Fatalf("after the nodes finished: %+v", got)
		}
		asked := maps.Clone(w.asked)
		after(time.Hour)
		if !maps.Equal(asked, w.asked) {
			t.Fatalf("asked after the last task: %v, then %v", asked, w.asked)
		}
	})
}

func TestQuestionsAreBatchedAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		const many = 1200
		for uid := range uint32(many) {
			w.put(fresh(uid))
			for _, node := range []string{"a", "b", "c"} {
				w.say(node, uid, task.Succeeded)
			}
		}
		w.run(t, Limits{})
		after(2 * time.Second)
		if open := w.Open(); len(open) > 0 {
			t.Fatalf("%d tasks are open", len(open))
		}
		if w.largest > maxIDs || w.asked["a"] > 2*(many/maxIDs+1) {
			t.Errorf("%d ids at once, %d questions to a node", w.largest, w.asked["a"])
		}
	})
}

// TK-11: a task whose gateway died before it called anybody ends, and the copies without it are marked.
func TestTK11WriteThatNeverArrivedMarksCopiesDirty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.say("b", 7, task.Succeeded)
		w.say("c", 7, task.Succeeded)
		w.put(fresh(7))
		w.run(t, Limits{Arrival: time.Minute})
		after(59 * time.Second)
		if w.get(7).Done() {
			t.Fatal("given up too early")
		}
		after(3 * time.Second)
		if got := w.get(7); got.Status != task.Succeeded || !got.Targets[0].Missed || got.Targets[1].Missed {
			t.Fatalf("%+v", got)
		}
		if !slices.Equal(w.dirty, []string{"x--0 a [0]"}) {
			t.Errorf("dirty %v", w.dirty)
		}
	})
}

// TK-11, WQ-9: when the gateway that sends a write is gone, a node without it is made to refuse it for good, and the write ends at once. One that
// is there may begin to send it for half a minute; where its client may ask another gateway for it, under its key, that has a minute.
func TestTK11WriteOfAGatewayThatDiedEndsSoon(t *testing.T) {
	since := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	one := task.Sender{Gateway: "g", Since: since}
	again := one
	again.Again = true
	const arrival = 2 * againAge
	for name, c := range map[string]struct {
		sender *task.Sender
		there  time.Time // when the gateway of that name started; zero: there is none
		ends   time.Duration
	}{
		"gone":               {&one, time.Time{}, orphanAge},
		"started anew":       {&one, since.Add(time.Second), orphanAge},
		"there":              {&one, since, lateAge},
		"gone, with a key":   {&again, time.Time{}, againAge},
		"there, with a key":  {&again, since, arrival},
		"nobody knows whose": {nil, time.Time{}, arrival},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("a", "b", "c")
				if !c.there.IsZero() {
					w.gateways = map[string]state.GatewayRecord{"g": {ID: "g", StartedAt: c.there}}
				}
				w.say("b", 7, task.Succeeded)
				w.say("c", 7, task.Succeeded)
				r := fresh(7)
				r.Sender, r.Stamp = c.sender, 1
				w.put(r)
				w.run(t, Limits{Arrival: arrival})
				after(c.ends - 100*time.Millisecond)
				if len(w.promised) > 0 || w.get(7).Done() {
					t.Fatalf("too early: %v", w.promised)
				}
				after(3 * time.Second)
				if got := w.get(7); got.Status != task.Succeeded || !got.Targets[0].Missed || !slices.Equal(w.dirty, []string{"x--0 a [0]"}) {
					t.Fatalf("%+v, dirty %v", got, w.dirty)
				}
				if asked := slices.Equal(w.promised, []string{"a 7"}); asked != (c.ends < arrival) {
					t.Errorf("asked to refuse %v", w.promised)
				}
			})
		})
	}
}

// TK-11: an index that stands in the catalog was made, though its gateway died before it told any node.
func TestTK11IndexOfAGatewayThatDiedIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		r := fresh(7)
		r.Type, r.Stamp, r.Sender = task.IndexCreation, 1, &task.Sender{Gateway: "g"}
		w.put(r)
		w.run(t, Limits{})
		after(orphanAge + 2*time.Second)
		if got := w.get(7); got.Status != task.Succeeded || len(w.promised) != 3 || len(w.dirty) > 0 {
			t.Errorf("%+v, asked to refuse %v, dirty %v", got, w.promised, w.dirty)
		}
	})
}

func TestForgottenIndexDeletionIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		r := fresh(7)
		r.Type = task.IndexDeletion
		w.say("b", 7, task.Succeeded)
		w.say("c", 7, task.Succeeded)
		w.put(r)
		w.run(t, Limits{})
		after(6500 * time.Millisecond)
		if len(w.deleted) == 0 || w.deleted[0] != "DELETE http://a/indexes/x--0 7" {
			t.Fatalf("sent %v", w.deleted)
		}
		w.say("a", 7, task.Failed)
		after(2 * time.Second)
		if got := w.get(7); got.Status != task.Failed && got.Status != task.Succeeded {
			t.Fatalf("%+v", got)
		}
	})
}

func TestRefusedRecordIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.failNext = errors.New("store is away")
		for _, node := range []string{"a", "b", "c"} {
			w.say(node, 7, task.Succeeded)
		}
		w.put(fresh(7))
		w.run(t, Limits{})
		after(3 * time.Second)
		if got := w.get(7); got.Status != task.Succeeded {
			t.Fatalf("%+v", got)
		}
	})
}

// A node that does not answer holds up its own tasks only.
func TestSilentNodeHoldsUpOnlyItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		w.say("a", 7, "silent")
		w.put(fresh(7))
		other := fresh(8)
		other.Targets = []task.Target{{Node: "b", Shards: "0"}, {Node: "c", Shards: "1"}}
		w.put(other)
		w.say("b", 8, task.Succeeded)
		w.say("c", 8, task.Succeeded)
		w.run(t, Limits{})
		after(time.Second)
		if w.get(7).Done() || !w.get(8).Done() {
			t.Fatalf("%+v %+v", w.get(7), w.get(8))
		}
	})
}

func TestWorkflowTasksAreNotItsBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		r := fresh(7)
		r.Op = json.RawMessage(`{}`)
		w.put(r)
		w.run(t, Limits{})
		after(time.Hour)
		if len(w.asked) > 0 || w.get(7).Done() {
			t.Fatalf("asked %v", w.asked)
		}
	})
}

func TestIndexUpdateSetsThePrimaryKeyOfTheCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		ix := &routing.Index{IndexRecord: routing.IndexRecord{UID: "x", Physical: "x--0"}}
		w.view.Indexes = map[string]*routing.Index{"x": ix}
		w.view.Physical = map[string]*routing.Index{"x--0": ix}
		r := fresh(7)
		r.Type, r.Details = task.IndexUpdate, json.RawMessage(`{"primaryKey":"id"}`)
		for _, node := range []string{"a", "b", "c"} {
			w.say(node, 7, task.Succeeded)
		}
		w.put(r)
		w.run(t, Limits{})
		after(time.Second)
		if !w.get(7).Done() || len(w.indexes) != 1 || w.indexes[0].PrimaryKey != "id" {
			t.Fatalf("%+v %+v", w.get(7), w.indexes)
		}
	})
}

// TK-9: finished tasks are forgotten by age, open ones never.
func TestTK9Pruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b", "c")
		old := fresh(1)
		old.Finish(time.Now(), nil)
		w.put(old)
		w.put(fresh(2))
		w.run(t, Limits{Retention: time.Hour, Arrival: 1000 * time.Hour})
		after(59 * time.Minute)
		if len(w.pruned) > 0 {
			t.Fatalf("pruned %v", w.pruned)
		}
		after(3 * time.Minute)
		if !slices.Equal(w.pruned, []uint32{1}) {
			t.Fatalf("pruned %v", w.pruned)
		}
	})
}
