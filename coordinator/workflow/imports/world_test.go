package imports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// world is a cluster as an importer sees it: an ingress, tasks, a catalog, keys, and the record.
type world struct {
	wanted  string // run that shall end
	t       *testing.T
	ingress *httptest.Server

	mu        sync.Mutex
	changed   *sync.Cond
	tasks     []task.Record
	indexes   map[string]*index
	keys      map[string]key.Record
	record    []byte
	revision  int64
	commits   int
	dieAt     int    // the commit at which the leadership is lost, 0 for never
	leader    string // who holds the scope according to the store
	batches   []int  // documents of each accepted batch
	refuse    func(method, path string) *apierr.Error
	drop      func(mark string) bool // true: the batch is taken, and the answer lost
	openTasks bool                   // tasks of documents stay open until settle
	mostOpen  int
	once      map[string]uint32 // tasks by idempotency key
}

type index struct {
	primaryKey *string
	settings   string
	documents  []string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, indexes: map[string]*index{}, keys: map[string]key.Record{}, once: map[string]uint32{}}
	w.changed = sync.NewCond(&w.mu)
	w.ingress = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.ingress.Close)
	return w
}

// serve is the ingress.
func (w *world) serve(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer master" {
		w.t.Errorf("%s %s without the master key", r.Method, r.URL.Path)
	}
	if w.refuse != nil {
		if e := w.refuse(r.Method, r.URL.Path); e != nil {
			out.WriteHeader(e.Status)
			_, _ = out.Write(e.JSON())
			return
		}
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	once := r.Header.Get("Idempotency-Key")
	if uid, again := w.once[once]; again {
		_, _ = fmt.Fprintf(out, `{"taskUid":%d}`, uid)
		return
	}
	if once != "" {
		w.once[once] = uint32(len(w.tasks))
	}
	switch {
	case parts[0] == "swap-indexes":
		w.swap(out, body)
	case r.Method == http.MethodDelete:
		if w.indexes[parts[1]] == nil {
			w.enqueue(out, "indexDeletion", nil, apierr.New(apierr.IndexNotFound, "gone"))
			return
		}
		delete(w.indexes, parts[1])
		w.enqueue(out, "indexDeletion", nil, nil)
	case len(parts) == 1:
		var in struct {
			UID        string  `json:"uid"`
			PrimaryKey *string `json:"primaryKey"`
		}
		_ = json.Unmarshal(body, &in)
		if w.indexes[in.UID] != nil {
			w.enqueue(out, "indexCreation", nil, apierr.New(apierr.IndexAlreadyExists, "there"))
			return
		}
		w.indexes[in.UID] = &index{primaryKey: in.PrimaryKey}
		w.enqueue(out, "indexCreation", nil, nil)
	case parts[2] == "settings":
		w.indexes[parts[1]].settings = string(body)
		w.enqueue(out, "settingsUpdate", nil, nil)
	case parts[2] == "stats":
		_, _ = fmt.Fprintf(out, `{"numberOfDocuments":%d}`, len(w.indexes[parts[1]].documents))
	case parts[2] == "documents":
		lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
		w.indexes[parts[1]].documents = append(w.indexes[parts[1]].documents, lines...)
		w.batches = append(w.batches, len(lines))
		mark := r.URL.Query().Get("customMetadata")
		if w.drop != nil && w.drop(mark) {
			w.enqueue(httptest.NewRecorder(), "documentAdditionOrUpdate", &mark, nil)
			panic(http.ErrAbortHandler)
		}
		w.enqueue(out, "documentAdditionOrUpdate", &mark, nil)
	}
}

// swap exchanges indexes, or gives them other names.
func (w *world) swap(out http.ResponseWriter, body []byte) {
	var in []struct {
		Indexes [2]string
		Rename  bool
	}
	if err := json.Unmarshal(body, &in); err != nil {
		w.t.Error(err)
	}
	for _, one := range in {
		a, b := one.Indexes[0], one.Indexes[1]
		if w.indexes[a] == nil || (w.indexes[b] == nil) != one.Rename {
			w.enqueue(out, "indexSwap", nil, apierr.New(apierr.IndexNotFound, "Index `%s` or `%s` not found.", a, b))
			return
		}
		w.indexes[a], w.indexes[b] = w.indexes[b], w.indexes[a]
		if one.Rename {
			delete(w.indexes, a)
		}
	}
	w.enqueue(out, "indexSwap", nil, nil)
}

// enqueue makes a task, which is over at once but where documents shall wait.
func (w *world) enqueue(out http.ResponseWriter, kind string, mark *string, e *apierr.Error) {
	r := task.Record{UID: uint32(len(w.tasks)), Type: kind, Status: task.Enqueued, CustomMetadata: mark}
	if !w.openTasks || mark == nil {
		r.Finish(time.Now(), e)
	}
	w.tasks = append(w.tasks, r)
	open := 0
	for _, t := range w.tasks {
		if !t.Done() {
			open++
		}
	}
	w.mostOpen = max(w.mostOpen, open)
	w.changed.Broadcast()
	out.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(out, `{"taskUid":%d}`, r.UID)
}

func (w *world) View() *routing.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &routing.View{Indexes: map[string]*routing.Index{}}
	for uid, ix := range w.indexes {
		rec := routing.IndexRecord{UID: uid}
		if ix.primaryKey != nil {
			rec.PrimaryKey = *ix.primaryKey
		}
		v.Indexes[uid] = &routing.Index{IndexRecord: rec}
		v.UIDs = append(v.UIDs, uid)
	}
	slices.Sort(v.UIDs)
	return v
}

// views and tasks give the world the methods of two interfaces that share a name.
type views struct{ *world }

func (v views) Wait(_ context.Context, cond func(*routing.View) bool) (*routing.View, error) {
	if now := v.View(); cond(now) {
		return now, nil
	}
	return nil, errors.New("the view never shows it")
}

type tasks struct{ *world }

func (t tasks) Get(uid uint32) (task.Record, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if int(uid) >= len(t.tasks) {
		return task.Record{}, false
	}
	return t.tasks[uid], true
}

func (t tasks) Each(_ bool, visit func(*task.Record) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.tasks) - 1; i >= 0; i-- {
		if !visit(&t.tasks[i]) {
			return
		}
	}
}

func (t tasks) Wait(_ context.Context, uid uint32, cond func(task.Record) bool) (task.Record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !cond(t.tasks[uid]) {
		if t.openTasks { // somebody waits: the oldest task ends
			for i := range t.tasks {
				if !t.tasks[i].Done() {
					t.tasks[i].Finish(time.Now(), nil)
					break
				}
			}
			continue
		}
		t.changed.Wait()
	}
	return t.tasks[uid], nil
}

func (w *world) Keys(context.Context) ([]key.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []key.Record
	for _, k := range w.keys {
		list = append(list, k)
	}
	return list, nil
}

func (w *world) CreateKey(_ context.Context, r key.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, there := w.keys[r.UID]; there {
		return state.ErrConflict
	}
	w.keys[r.UID] = r
	return nil
}

func (w *world) DeleteKey(_ context.Context, uid string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keys, uid)
	return nil
}

func (w *world) AskCancelation(_ context.Context, _, _ string, rec state.CancelationRecord) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = rec.Run
	return nil
}

func (w *world) Cancelation(context.Context, string, string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted, nil
}

func (w *world) ForgetCancelation(context.Context, string, string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = ""
	return nil
}

func (w *world) Leader(context.Context, string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leader == "" {
		return "", state.ErrNotFound
	}
	return w.leader, nil
}

func (w *world) Workflow(context.Context, string, string) ([]byte, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.record == nil {
		return nil, 0, state.ErrNotFound
	}
	return w.record, w.revision, nil
}

func (w *world) Workflows(context.Context, string) (map[string][]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.record == nil {
		return nil, nil
	}
	rec, err := workflow.Decode(w.record)
	return map[string][]byte{rec.ID: w.record}, err
}

func (w *world) Token() int64 { return 1 }

func (w *world) PutWorkflow(_ context.Context, _, _ string, record any, expected int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.commits++; w.commits == w.dieAt {
		return 0, state.ErrLostLeadership
	}
	if expected != w.revision {
		return 0, state.ErrConflict
	}
	var err error
	w.record, err = json.Marshal(record)
	w.revision++
	return w.revision, err
}

// importer is a coordinator's. Its leaderships last until the work ends, in whatever way.
func (w *world) importer(folder string) *Importer {
	registry := prometheus.NewRegistry()
	return New(Config{
		Spool: Spool(folder), Records: w, Store: w, Ingress: NewIngress(w.ingress.URL, "master"), Views: views{w}, Tasks: tasks{w},
		Lead: func(ctx context.Context, _ string, work func(context.Context, workflow.Leader) error) error {
			return work(ctx, w)
		},
		Holder: "coordinator-0", Now: time.Now, Log: zerolog.Nop(), Metrics: NewMetrics(registry), Workflows: workflow.NewMetrics(registry),
		Limits: Limits{Batch: 7, BatchBytes: 300, Window: 3},
	})
}

// running runs the importer until the test ends or the returned function is called.
func running(t *testing.T, m *Importer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		m.Ingress.Close()
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits until cond holds.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("not in time")
		}
	}
}

// await waits until a job has ended.
func await(t *testing.T, m *Importer, id string) (s Status) {
	t.Helper()
	eventually(t, func() bool {
		var err error
		if s, err = m.Status(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return s.State != workflow.Running
	})
	return s
}

// committed is how often the record was written, or tried to.
func (w *world) committed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.commits
}

func (w *world) documents(uid string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.indexes[uid] == nil {
		return nil
	}
	return slices.Clone(w.indexes[uid].documents)
}

// content is one index of a dump.
type content struct {
	uid       string
	pk        string
	settings  string
	documents []string
}

func dumpOf(t *testing.T, keys []dump.Key, indexes ...content) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := dump.NewWriter(&out, dump.Content{DBVersion: "1.50.0", Date: time.Unix(1, 0), Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	for _, ix := range indexes {
		m := dump.IndexMetadata{UID: ix.uid, PrimaryKey: &ix.pk}
		if ix.pk == "" {
			m.PrimaryKey = nil
		}
		if ix.settings == "" {
			ix.settings = "{}"
		}
		lines := ""
		for _, d := range ix.documents {
			lines += d + "\n"
		}
		if err := w.Index(m, json.RawMessage(ix.settings), strings.NewReader(lines), int64(len(lines))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func many(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(`{"id":%d,"big":9007199254740993}`, i))
	}
	return list
}

func fingerprintOf(t *testing.T, file []byte) string {
	t.Helper()
	print, err := dump.Fingerprint(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return print
}

func defaults() Options {
	o, _ := ParseOptions(nil)
	return o
}

// takeOver lets one importer begin with a dump and die at a commit, and another one end it, which it must. survived says that the first one
// got through, because there are not that many commits.
func (w *world) takeOver(t *testing.T, o Options, file []byte, dieAt int) (survived bool) {
	t.Helper()
	w.dieAt = dieAt
	folder := t.TempDir()
	first := w.importer(folder)
	stop := running(t, first)
	s, err := first.Receive(t.Context(), o, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		now, err := first.Status(t.Context(), s.JobID)
		return err != nil || now.State != workflow.Running || w.committed() >= dieAt
	})
	stop()
	survived = w.committed() < dieAt
	second := w.importer(folder)
	running(t, second)
	if s = await(t, second, s.JobID); s.State != workflow.Succeeded {
		t.Fatalf("commit %d: %+v", dieAt, s.Error)
	}
	return survived
}
