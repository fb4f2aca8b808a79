package dumps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/webhook"
)

// world is everything around a creator, in memory.
type world struct {
	mu       sync.Mutex
	tasks    map[uint32]task.Record
	changed  chan struct{}
	view     *routing.View
	record   []byte
	revision int64
	puts     int
	dieAt    int                // the put of the record at which the leadership is lost, 0 for never
	nodes    map[string]*engine // by address
	keys     []key.Record
	before   func(w *world, n *engine, body fetchBody) // runs before a node answers
}

// engine is a node: the documents of one index by id.
type engine struct {
	documents map[string]string
	down      bool
	asked     int
}

const physical = "movies--1"

// newWorld places an index of four shards, each on two of three nodes.
func newWorld(documents ...string) *world {
	w := &world{tasks: map[uint32]task.Record{}, changed: make(chan struct{}, 1), nodes: map[string]*engine{}}
	b := routing.NewBuilder()
	put := func(k string, record any) {
		raw, _ := json.Marshal(record)
		w.revision++
		if err := b.Put(k, raw, w.revision); err != nil {
			panic(err)
		}
	}
	put(routing.FamilyGroups+"0", routing.GroupRecord{V: 1, State: routing.GroupActive, RF: 2})
	names := []string{"node-0", "node-1", "node-2"}
	for _, id := range names {
		put(routing.FamilyNodes+id, routing.NodeRecord{V: 1, ID: id, Address: "http://" + id, State: routing.NodeActive, EngineVersion: "1.50.0"})
		put(routing.FamilyHealth+id, routing.HealthRecord{V: 1, OK: true})
		w.nodes["http://"+id] = &engine{documents: map[string]string{}}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	put(routing.FamilyIndexes+"movies", routing.IndexRecord{V: 1, UID: "movies", Physical: physical, PrimaryKey: "id", Shards: 4, CreatedAt: at, UpdatedAt: at})
	put(routing.FamilyIndexes+"empty", routing.IndexRecord{V: 1, UID: "empty", Physical: "empty--2", Shards: 4, CreatedAt: at, UpdatedAt: at})
	placed := make([][]routing.Copy, 4)
	for s := range placed {
		placed[s] = []routing.Copy{{Node: names[s%3], State: routing.CopyActive}, {Node: names[(s+1)%3], State: routing.CopyActive}}
	}
	for _, p := range []string{physical, "empty--2"} {
		put(routing.FamilyPlacement+p, routing.PlacementRecord{V: 1, Physical: p, Shards: 4, Groups: map[int][][]routing.Copy{0: placed}})
	}
	put(routing.FamilySettings+physical, routing.SettingsRecord{V: 1, Version: 3, ClientView: json.RawMessage(`{"stopWords":["a"]}`)})
	w.view = b.View()
	for _, d := range documents {
		var id struct{ ID json.RawMessage }
		_ = json.Unmarshal([]byte(d), &id)
		text := strings.Trim(string(id.ID), `"`)
		for _, c := range placed[shardmap.ShardOf([]byte(text), 4)] {
			w.nodes["http://"+c.Node].documents[text] = d
		}
	}
	return w
}

// Do answers documents/fetch as a sidecar does.
func (w *world) Do(_ context.Context, r client.Request) (client.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.nodes[r.Address]
	if n.down {
		return client.Answer{}, errors.New("connection refused")
	}
	if r.Path == "/experimental-features" {
		return client.Answer{Status: 200, Body: []byte(`{"metrics":true}`)}, nil
	}
	if r.Path != "/indexes/"+physical+"/documents/fetch" || len(r.Leg.Shards) != 1 || r.Leg.Count != 4 || r.Leg.Raw {
		return client.Answer{Status: 404, Body: apierr.New(apierr.IndexNotFound, "x").JSON()}, nil
	}
	var body fetchBody
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return client.Answer{}, err
	}
	n.asked++
	if w.before != nil {
		w.before(w, n, body)
	}
	var results []string
	for id, d := range n.documents {
		if shardmap.ShardOf([]byte(id), 4) == r.Leg.Shards[0] && (body.IDs == nil || slices.Contains(body.IDs, id)) {
			results = append(results, d)
		}
	}
	slices.Sort(results)
	results = results[:min(len(results), body.Limit)]
	if r.Leg.Stamps {
		for i, d := range results {
			results[i] = d[:len(d)-1] + `,"` + nodeapi.FieldUpdatedAt + `":"` + w.stamp(d) + `"}`
		}
	}
	return client.Answer{Status: 200, Body: []byte(`{"results":[` + strings.Join(results, ",") + `],"offset":0}`)}, nil
}

// stamp is that of a document: those of odd ids were written before those of even ones, the latest of them first.
func (w *world) stamp(document string) string {
	var id struct{ ID uint64 }
	_ = json.Unmarshal([]byte(document), &id)
	return string(nodeapi.AppendStamp(nil, hlc.Stamp(2-id.ID%2), 1<<20-id.ID))
}

func (w *world) View() *routing.View { return w.view }
func (w *world) Wait(context.Context, func(*routing.View) bool) (*routing.View, error) {
	return w.view, nil
}

func (w *world) Workflow(context.Context, string, string) ([]byte, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.record == nil {
		return nil, 0, state.ErrNotFound
	}
	return w.record, w.revision, nil
}
func (w *world) Workflows(context.Context, string) (map[string][]byte, error) { return nil, nil }
func (w *world) Token() int64                                                 { return 1 }
func (w *world) PutWorkflow(_ context.Context, _, _ string, record any, _ int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.puts++; w.puts == w.dieAt {
		return 0, state.ErrLostLeadership
	}
	var err error
	w.record, err = json.Marshal(record)
	w.revision++
	return w.revision, err
}

func (w *world) Task(_ context.Context, uid uint32) (task.Record, error) {
	if r, ok := w.Get(uid); ok {
		return r, nil
	}
	return task.Record{}, state.ErrNotFound
}
func (w *world) UpdateTask(_ context.Context, r task.Record) error { return w.putTask(r) }
func (w *world) FinishTask(_ context.Context, r task.Record) (bool, error) {
	return true, w.putTask(r)
}
func (w *world) putTask(r task.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks[r.UID] = r
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return nil
}
func (w *world) Keys(context.Context) ([]key.Record, error) { return w.keys, nil }
func (w *world) Webhooks(context.Context) (*webhook.Set, error) {
	box, err := seal.New("seal key of the tests")
	if err != nil {
		return nil, err
	}
	records := map[string]*webhook.Record{}
	for _, uuid := range []string{meili.CommandWebhook, "11111111-1111-4111-8111-111111111111"} {
		r := &webhook.Record{UUID: uuid}
		if err := r.Put(box, meili.Webhook{URL: "http://h/p", Headers: map[string]string{"A": "b"}}, time.Now()); err != nil {
			return nil, err
		}
		records[uuid] = r
	}
	return webhook.NewSet(records), nil
}
func (w *world) Get(uid uint32) (task.Record, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.tasks[uid]
	return r, ok
}
func (w *world) Open() []task.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []task.Record
	for uid := range uint32(100) {
		if r, ok := w.tasks[uid]; ok && !r.Done() {
			list = append(list, r)
		}
	}
	return list
}
func (w *world) Subscribe() (<-chan struct{}, func()) { return w.changed, func() {} }

func (w *world) creator(folder string) *Creator {
	registry := prometheus.NewRegistry()
	box, err := seal.New("seal key of the tests")
	if err != nil {
		panic(err) // the key is not empty
	}
	return &Creator{
		Folder: Folder(folder), Records: w, Store: w, Nodes: w, Seal: box, Views: w, Tasks: w, Holder: "coordinator-0", Now: time.Now,
		Log: zerolog.Nop(), Metrics: NewMetrics(registry), Workflows: workflow.NewMetrics(registry),
	}
}

func (w *world) ask(uid uint32) {
	_ = w.putTask(task.Record{
		V: 1, UID: uid, Type: task.DumpCreation, Status: task.Enqueued, Details: json.RawMessage(`{"dumpUid":null}`), Op: json.RawMessage(`{}`),
	})
}

// until leads until cond holds.
func (w *world) until(t *testing.T, c *Creator, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	inner, stop := context.WithCancel(ctx)
	go func() { done <- c.Lead(inner, w) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case err := <-done:
			t.Fatalf("ended early: %v", err)
		case <-ctx.Done():
			t.Fatal("not in time")
		case <-tick.C:
		}
	}
	stop()
	<-done
}

func (w *world) finished(uid uint32) func() bool {
	return func() bool {
		r, _ := w.Get(uid)
		return r.Done()
	}
}

// read returns the dump that a task names.
func read(t *testing.T, folder string, r task.Record) (*dump.Summary, []string) {
	t.Helper()
	var details task.DumpDetails
	if err := json.Unmarshal(r.Details, &details); err != nil || details.DumpUID == nil || r.Status != task.Succeeded {
		t.Fatalf("%+v", r)
	}
	raw, err := os.ReadFile(Folder(folder).Path(*details.DumpUID))
	if err != nil {
		t.Fatal(err)
	}
	s, err := dump.Scan(bytes.NewReader(raw), dump.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dump.OpenDocuments(bytes.NewReader(raw), dump.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Aside.Webhooks != 1 { // all but that of the command line
		t.Errorf("%d webhooks are in the dump", s.Aside.Webhooks)
	}
	var list []string
	for {
		doc, err := d.Next()
		if errors.Is(err, io.EOF) {
			return s, list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(doc.Raw))
	}
}

// sorted is what a dump holds, whatever its order.
func sorted(_ *dump.Summary, list []string) []string {
	slices.Sort(list)
	return list
}

func many(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"id":%d,"big":9007199254740993,"t":"<%d>"}`, i, i))
	}
	slices.Sort(list)
	return list
}

// left lists what is in the folder beside finished dumps.
func left(t *testing.T, folder string) (rest []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ending {
			rest = append(rest, e.Name())
		}
	}
	return rest
}

func TestF9DumpHoldsEveryDocumentOnce(t *testing.T) {
	documents := append(many(500), `{"id":5001,"t":"`+strings.Repeat("long ", 20_000)+`"}`)
	slices.Sort(documents)
	w, folder := newWorld(documents...), t.TempDir()
	name := "n"
	w.keys = []key.Record{{V: 1, UID: "u2", Actions: []string{"*"}, Indexes: []string{"*"}, CreatedAt: time.Unix(9, 0)},
		{V: 1, UID: "u1", Name: &name, Actions: []string{"search"}, Indexes: []string{"*"}, CreatedAt: time.Unix(1, 0)}}
	c := w.creator(folder)
	c.Limits = Limits{Page: 7, PageBytes: 200}
	w.ask(4)
	w.until(t, c, w.finished(4))
	r, _ := w.Get(4)
	s, got := read(t, folder, r)
	if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(w.stamp(a), w.stamp(b)) }) {
		t.Error("documents are not in the order in which they were written")
	}
	if got := sorted(s, got); !slices.Equal(got, documents) {
		t.Errorf("%d documents of %d", len(got), len(documents))
	}
	if len(s.Indexes) != 2 || s.Indexes[0].UID != "empty" || s.Indexes[0].PrimaryKey != nil || *s.Indexes[1].PrimaryKey != "id" ||
		string(s.Indexes[1].Settings) != `{"stopWords":["a"]}` || s.DBVersion != "1.50.0" || string(s.Features) != `{"metrics":true}` {
		t.Errorf("%+v", s)
	}
	if len(s.Keys) != 2 || s.Keys[0].UID != "u1" || *s.Keys[0].Name != "n" {
		t.Errorf("keys %+v", s.Keys)
	}
	if rest := left(t, folder); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
	for address, n := range w.nodes {
		if n.asked == 0 {
			t.Errorf("%s was never asked: shards are not spread", address)
		}
	}
}

// What was acknowledged before the dump was asked for is in it; what came later does not keep it waiting.
func TestF9DumpWaitsForEarlierTasks(t *testing.T) {
	documents := many(20)
	w, folder := newWorld(), t.TempDir()
	at := time.Unix(1000, 0)
	earlier := task.Record{UID: 3, Type: task.DocumentAddition, Status: task.Processing, EnqueuedAt: at}
	_ = w.putTask(earlier)
	_ = w.putTask(task.Record{UID: 8, Type: task.DocumentAddition, Status: task.Enqueued, EnqueuedAt: at.Add(2 * time.Second)})
	_ = w.putTask(task.Record{UID: 9, Type: task.SettingsUpdate, Status: task.Enqueued, EnqueuedAt: at.Add(-time.Second)})
	_ = w.putTask(task.Record{UID: 5, Type: task.DumpCreation, Status: task.Enqueued, EnqueuedAt: at.Add(time.Second), Op: json.RawMessage(`{}`)})
	c := w.creator(folder)
	looked := make(chan struct{})
	c.Now = sync.OnceValue(func() time.Time { close(looked); return time.Unix(2000, 0) })
	go func() {
		<-looked
		w.mu.Lock()
		for _, n := range newWorld(documents...).nodes {
			for _, mine := range w.nodes {
				for id, d := range n.documents {
					mine.documents[id] = d
				}
			}
		}
		w.mu.Unlock()
		for _, uid := range []uint32{3, 9} {
			_ = w.putTask(task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Succeeded})
		}
	}()
	w.until(t, c, w.finished(5))
	r, _ := w.Get(5)
	if got := sorted(read(t, folder, r)); !slices.Equal(got, documents) {
		t.Errorf("%d documents", len(got))
	}
}

func TestF9DumpFailsWhenEarlierTasksAreStuck(t *testing.T) {
	w := newWorld()
	_ = w.putTask(task.Record{UID: 1, Type: task.DocumentAddition, Status: task.Processing})
	w.ask(2)
	c := w.creator(t.TempDir())
	c.Limits = Limits{Unavailable: time.Millisecond}
	w.until(t, c, w.finished(2))
	if r, _ := w.Get(2); r.Status != task.Failed || r.Error.Code != apierr.DumpProcessFailed {
		t.Errorf("%+v", r)
	}
}

// §0.5: writes that go on meanwhile make no document appear twice or vanish that was there all the time.
func TestF05WritesGoOnDuringTheScan(t *testing.T) {
	w, folder := newWorld(many(200)...), t.TempDir()
	n := 0
	w.before = func(w *world, _ *engine, body fetchBody) {
		if body.IDs == nil {
			return
		}
		n++
		gone, fresh := strconv.Itoa(n), strconv.Itoa(1000+n)
		for _, e := range w.nodes {
			delete(e.documents, gone)
			e.documents[fresh] = `{"id":` + fresh + `}`
			if _, ok := e.documents["150"]; ok {
				e.documents["150"] = fmt.Sprintf(`{"id":150,"changed":%d}`, n)
			}
		}
	}
	c := w.creator(folder)
	c.Limits = Limits{Page: 10}
	w.ask(1)
	w.until(t, c, w.finished(1))
	r, _ := w.Get(1)
	_, got := read(t, folder, r)
	seen := map[string]int{}
	for _, d := range got {
		var id struct{ ID json.Number }
		if err := json.Unmarshal([]byte(d), &id); err != nil {
			t.Fatal(err)
		}
		seen[id.ID.String()]++
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s is there %d times", id, times)
		}
	}
	for id := n + 1; id < 200; id++ {
		if seen[strconv.Itoa(id)] != 1 {
			t.Errorf("%d was there all the time and is missing", id)
		}
	}
	if n == 0 {
		t.Error("nothing was written meanwhile")
	}
}

func TestF9DumpGoesOnWithAnotherCopy(t *testing.T) {
	documents := many(100)
	w, folder := newWorld(documents...), t.TempDir()
	c := w.creator(folder)
	c.Limits = Limits{Page: 10}
	failed := false
	w.before = func(w *world, n *engine, body fetchBody) {
		if body.IDs != nil && !failed {
			failed = true
			n.down = true
		}
	}
	w.ask(1)
	w.until(t, c, w.finished(1))
	r, _ := w.Get(1)
	if got := sorted(read(t, folder, r)); !slices.Equal(got, documents) || !failed {
		t.Errorf("%d documents", len(got))
	}
}

func TestF9DumpWithoutACopyFails(t *testing.T) {
	w, folder := newWorld(many(10)...), t.TempDir()
	for _, n := range w.nodes {
		n.down = true
	}
	c := w.creator(folder)
	c.Limits = Limits{Unavailable: time.Nanosecond}
	w.ask(1)
	w.until(t, c, w.finished(1))
	if r, _ := w.Get(1); r.Status != task.Failed || r.Error.Code != apierr.MiroirShardUnavailable || string(r.Details) != `{"dumpUid":null}` {
		t.Errorf("%+v", r)
	}
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// BG-8, W2: whoever takes over after any commit of the record brings the dump to its end, in the same folder or in one of
// its own, and nothing stands under the final name before it is whole.
func TestBG8DumpSurvivesItsRunner(t *testing.T) {
	documents := many(120)
	for _, shared := range []bool{true, false} {
		for dieAt := 1; dieAt <= 6; dieAt++ {
			t.Run(fmt.Sprintf("shared %v, commit %d", shared, dieAt), func(t *testing.T) {
				w, first := newWorld(documents...), t.TempDir()
				w.dieAt = dieAt
				w.ask(1)
				err := w.creator(first).Lead(t.Context(), w)
				if !errors.Is(err, state.ErrLostLeadership) {
					t.Fatal(err)
				}
				second := first
				if !shared {
					second = t.TempDir()
				}
				w.until(t, w.creator(second), func() bool { return w.finished(1)() && !w.running() })
				r, _ := w.Get(1)
				folder := second
				if dieAt == 6 { // the dump was written and the task finished before
					folder = first
				}
				if got := sorted(read(t, folder, r)); !slices.Equal(got, documents) {
					t.Errorf("%d documents", len(got))
				}
				if rest := left(t, second); len(rest) > 0 {
					t.Errorf("left behind: %v", rest)
				}
			})
		}
	}
}

func (w *world) running() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec, err := workflow.Decode(w.record)
	return err == nil && rec.State == workflow.Running
}

// A dump that was canceled leaves nothing behind, and the next one is made.
func TestCanceledDumpStops(t *testing.T) {
	documents := many(50)
	w, folder := newWorld(documents...), t.TempDir()
	once := false
	w.before = func(w *world, _ *engine, _ fetchBody) {
		if !once {
			once = true
			r := w.tasks[1]
			r.Status = task.Canceled
			w.tasks[1] = r
		}
	}
	w.ask(1)
	w.ask(2)
	w.until(t, w.creator(folder), w.finished(2))
	r, _ := w.Get(2)
	if _, got := read(t, folder, r); len(got) != len(documents) {
		t.Errorf("%d documents", len(got))
	}
	if one, _ := w.Get(1); one.Status != task.Canceled {
		t.Errorf("%+v", one)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestDiskErrorsFailTheTask(t *testing.T) {
	w := newWorld(many(5)...)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.ask(1)
	w.until(t, w.creator(filepath.Join(file, "dumps")), w.finished(1))
	if r, _ := w.Get(1); r.Status != task.Failed || r.Error.Code != apierr.DumpProcessFailed || strings.Contains(r.Error.Message, file) {
		t.Errorf("%+v", r)
	}
}

func TestNameOfADumpIsMeilisearchs(t *testing.T) {
	at := time.Date(2026, 11, 25, 20, 38, 12, 345_678_901, time.FixedZone("", 3600))
	if got := uidOf(at); got != "20261125-193812345" {
		t.Error(got)
	}
}

func TestFolderShowsFinishedDumpsOnly(t *testing.T) {
	dir := t.TempDir()
	f := Folder(dir)
	for _, name := range []string{"20261125-193812345.dump", "20261126-000000000.dump", "other.dump", "20261125-193812346.parts", "20261125-193812346.dump.new"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.List()
	if err != nil || len(list) != 2 || list[0].UID != "20261126-000000000" || list[1].Size != 5 || list[1].CreatedAt.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	if list, err := Folder(filepath.Join(dir, "none")).List(); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	for uid, there := range map[string]bool{"20261125-193812345": true, "20261125-193812349": false, "other": false, "../x": false} {
		file, err := f.Open(uid)
		if (err == nil) != there {
			t.Errorf("%s: %v", uid, err)
		}
		if err == nil {
			_ = file.Close()
		}
	}
}

func TestPageFollowsTheSizeOfDocuments(t *testing.T) {
	l := Limits{Page: 1000, PageBytes: 1 << 20}
	for _, c := range []struct{ page, documents, size, want int }{
		{1000, 1000, 100, 1000}, {1000, 1000, 4 << 20, 250}, {250, 250, 1<<20 - 1, 250}, {250, 250, 1 << 18, 500},
		{600, 600, 1 << 10, 1000}, {10, 1, 50 << 20, 1}, {1, 1, 50 << 20, 1},
	} {
		if got := nextPage(c.page, c.documents, c.size, l); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestLinesAndMaskedSecrets(t *testing.T) {
	if got := string(appendLine(nil, []byte("{\n \"a\":\r\n1}"))); got != `{ "a":1}` {
		t.Error(got)
	}
	for document, want := range map[string]string{
		`{"id":1,"_vectors":{}}`:              `{"id":1}`,
		`{"_vectors":{},"a":{"_vectors":{}}}`: `{"a":{"_vectors":{}}}`,
		`{"id":1,"_vectors":{"x":[1]}}`:       `{"id":1,"_vectors":{"x":[1]}}`,
	} {
		if got := string(withoutNoVectors([]byte(document))); got != want {
			t.Errorf("%s: %s", document, got)
		}
	}
	for settings, want := range map[string]string{
		``:                    `{}`,
		`{"stopWords":["x"]}`: `{"stopWords":["x"]}`,
		`{"embedders":{"a":{"apiKey":"XXX...","source":"rest"},"b":{"apiKey":"sk-clear"}}}`: `{"embedders":{"a":{"source":"rest"},"b":{"apiKey":"sk-clear"}}}`,
		`{"stopWords":["XXX"]}`: `{"stopWords":["XXX"]}`,
	} {
		c := newWorld().creator(t.TempDir())
		sealed := c.Seal.Settings(seal.SettingsPlace("i--0"), []byte(settings))
		if strings.Contains(string(sealed), "sk-clear") {
			t.Errorf("not sealed: %s", sealed)
		}
		ix := &routing.Index{IndexRecord: routing.IndexRecord{Physical: "i--0"}, Settings: sealed}
		if got := c.settingsOf(ix); string(got) != want {
			t.Errorf("%s: %s", settings, got)
		}
	}
}
