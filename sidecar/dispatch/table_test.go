package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/engine"
)

// listed is a task as the list shows it.
type listed struct {
	engine.Task
	Details json.RawMessage `json:"details,omitempty"`
}

// queue plays an engine's task list.
type queue struct {
	mu    sync.Mutex
	tasks []listed
	asked int
}

func (q *queue) add(dispatch string) uint32 {
	q.mu.Lock()
	defer q.mu.Unlock()
	uid := uint32(len(q.tasks)) //nolint:gosec // a few
	t := listed{Task: engine.Task{UID: uid, Status: "succeeded", Type: "documentAdditionOrUpdate", EnqueuedAt: time.Now()}}
	if dispatch != "" {
		t.CustomMetadata = &dispatch
	}
	q.tasks = append(q.tasks, t)
	return uid
}

func (q *queue) move(uid int, status string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks[uid].Status = status
}

func (q *queue) describe(uid int, details string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks[uid].Details = json.RawMessage(details)
}

func (q *queue) looked() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked
}

func (q *queue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	v := r.URL.Query()
	limit, _ := strconv.Atoi(v.Get("limit"))
	from := len(q.tasks) - 1
	if f := v.Get("from"); f != "" {
		from, _ = strconv.Atoi(f)
	}
	var page engine.Page
	wanted := strings.Split(v.Get("uids"), ",")
	for i := from; i >= 0; i-- {
		if v.Has("uids") && !slices.Contains(wanted, strconv.Itoa(i)) {
			continue
		}
		if len(page.Results) == limit {
			next := uint32(i) //nolint:gosec // a few
			page.Next = &next
			break
		}
		raw, _ := json.Marshal(q.tasks[i])
		page.Results = append(page.Results, raw)
	}
	_ = json.NewEncoder(w).Encode(page)
}

func newTable(t *testing.T, q *queue, capacity int) *Table {
	t.Helper()
	s := httptest.NewServer(q)
	t.Cleanup(s.Close)
	e, err := engine.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return New(e, zerolog.Nop(), NewMetrics(prometheus.NewRegistry()), capacity)
}

func sender(q *queue, id string, sent *atomic.Int32) func(context.Context) (Outcome, error) {
	return func(context.Context) (Outcome, error) {
		sent.Add(1)
		return Outcome{TaskUID: q.add(id), Answer: []byte("{}")}, nil
	}
}

// WQ-9: many at once, and again later, are one.
func TestWQ9SingleFlight(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	if table.Ready() {
		t.Fatal("ready before the engine's tasks were read")
	}
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if out, err := table.Do(t.Context(), "a", nil, sender(q, "a", &sent)); err != nil || out.TaskUID != 0 {
				t.Errorf("%v %v", out, err)
			}
		})
	}
	wg.Wait()
	if sent.Load() != 1 {
		t.Errorf("sent %d times", sent.Load())
	}
}

// WQ-9: a restart reads the mapping from the engine, page by page, newest first, up to the capacity.
func TestWQ9Recovery(t *testing.T) {
	q := &queue{}
	for i := range 2500 {
		id := ""
		if i%2 == 0 {
			id = fmt.Sprint("d", i)
		}
		q.add(id)
	}
	table := newTable(t, q, 1200)
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int32
	out, err := table.Do(t.Context(), "d2498", nil, sender(q, "x", &sent))
	if err != nil || out.TaskUID != 2498 || out.Answer != nil || sent.Load() != 0 {
		t.Fatalf("%v %v", out, err)
	}
	if _, known := table.find("d0"); known {
		t.Error("more than the capacity is remembered")
	}
	got, err := table.Lookup(t.Context(), []string{"d2400", "nope", "d2402"})
	if err != nil || got[0].State != "succeeded" || got[1].State != nodeapi.StateUnknown || got[2].State != "succeeded" || len(got[2].Task) == 0 {
		t.Errorf("%+v %v", got, err)
	}
}

// WQ-9: when the answer was lost, the next attempt looks at the engine's tasks before it sends.
func TestWQ9LostAnswer(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	lose := func(arrived bool, id string) error {
		_, err := table.Do(t.Context(), id, nil, func(context.Context) (Outcome, error) {
			if arrived {
				q.add(id)
			}
			return Outcome{}, errors.Join(ErrUncertain, errors.New("reset"))
		})
		return err
	}
	var sent atomic.Int32
	if err := lose(true, "taken"); err == nil {
		t.Fatal("a lost answer must be an error")
	}
	if out, err := table.Do(t.Context(), "taken", nil, sender(q, "taken", &sent)); err != nil || out.TaskUID != 0 || sent.Load() != 0 {
		t.Errorf("%v %v, sent %d", out, err, sent.Load())
	}
	if err := lose(false, "dropped"); err == nil {
		t.Fatal("a lost answer must be an error")
	}
	if out, err := table.Do(t.Context(), "dropped", nil, sender(q, "dropped", &sent)); err != nil || out.TaskUID != 1 || sent.Load() != 1 {
		t.Errorf("%v %v, sent %d", out, err, sent.Load())
	}
	if err := lose(true, "asked"); err == nil {
		t.Fatal("a lost answer must be an error")
	}
	if got, err := table.Lookup(t.Context(), []string{"asked"}); err != nil || got[0].State != "succeeded" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestRefusalIsNotRemembered(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if _, err := table.Do(t.Context(), "a", nil, func(context.Context) (Outcome, error) { return Outcome{}, no }); !errors.Is(err, no) {
		t.Fatal(err)
	}
	var sent atomic.Int32
	if _, err := table.Do(t.Context(), "a", nil, sender(q, "a", &sent)); err != nil || sent.Load() != 1 {
		t.Error(err)
	}
	adopt := func(context.Context) (uint32, bool, error) { return 7, true, nil }
	if out, err := table.Do(t.Context(), "b", adopt, sender(q, "b", &sent)); err != nil || out.TaskUID != 7 || sent.Load() != 1 {
		t.Errorf("%v %v", out, err)
	}
}

// An engine that started over with empty data has other tasks under the old numbers.
func TestEngineStartedOver(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	table.Put("old", 0)
	q.add("other")
	got, err := table.Lookup(t.Context(), []string{"old"})
	if err != nil || got[0].State != nodeapi.StateUnknown {
		t.Errorf("%+v %v", got, err)
	}
}

// A6.1: who waits for dispatches hears of them when the last one has ended, at once of one that is not known, and of what is
// open when the time is over.
func TestA61Await(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	q.add("done")
	q.add("open")
	table.Put("done", 0)
	table.Put("open", 1)
	q.move(1, "processing")
	got, err := table.Await(t.Context(), []string{"done", "open"}, 5*time.Millisecond)
	if err != nil || got[0].State != "succeeded" || got[1].State != "processing" {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err = table.Await(t.Context(), []string{"none"}, time.Hour); err != nil || got[0].State != nodeapi.StateUnknown {
		t.Fatalf("%+v %v", got, err)
	}
	looked := q.looked()
	ended := make(chan []nodeapi.Dispatch, 1)
	go func() {
		got, err := table.Await(t.Context(), []string{"open", "done"}, time.Hour)
		if err != nil {
			t.Error(err)
		}
		ended <- got
	}()
	for q.looked() < looked+2 { // it looks, and looks again
		select {
		case got := <-ended:
			t.Fatalf("%+v", got)
		case <-t.Context().Done():
		case <-time.After(time.Millisecond):
		}
	}
	q.move(1, "failed")
	if got := <-ended; got[0].State != "failed" || got[1].State != "succeeded" {
		t.Errorf("%+v", got)
	}
}

// known plays what a node knows of dispatches besides the engine.
type known struct {
	left  map[string]int
	after map[string]string
	open  map[string]bool
}

func (k known) Ended(_ context.Context, id string, _ uint32) (after string, ok bool) {
	return k.after[id], !k.open[id]
}
func (k known) Left(id string) int { return k.left[id] }

// TK-6: documents that the engine did not get because newer ones were there count as indexed, where such documents are counted and the
// task succeeded.
func TestTK6DocumentsThatTheEngineDidNotGetCount(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	table.Heed(known{left: map[string]int{"1": 2, "2": 2, "3": 2, "4": 2}, open: map[string]bool{"4": true}})
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	details := []string{`{"receivedDocuments":3,"indexedDocuments":1}`, `{"receivedDocuments":3,"indexedDocuments":1}`,
		`{"providedIds":3,"deletedDocuments":1}`, `{"receivedDocuments":3,"indexedDocuments":0}`, `{"receivedDocuments":3,"indexedDocuments":1}`}
	ids := []string{"0", "1", "2", "3", "4"}
	for i, id := range ids {
		table.Put(id, q.add(id))
		q.describe(i, details[i])
	}
	q.move(3, "failed")
	got, err := table.Lookup(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`"indexedDocuments":1`, `"indexedDocuments":3`, `"deletedDocuments":1`, `"indexedDocuments":0`, `"status":"processing"`}
	for i, d := range got {
		if !strings.Contains(string(d.Task), want[i]) {
			t.Errorf("%s: %s, want %s", d.ID, d.Task, want[i])
		}
	}
}
