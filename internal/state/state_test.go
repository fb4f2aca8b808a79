package state

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/testkit/free"
)

// open starts an etcd member and connects to it.
func open(t *testing.T) *Client {
	t.Helper()
	server, err := etcdserver.Start(t.Context(), etcdserver.Options{
		DataDir: t.TempDir(), ListenClient: free.URL(t), ListenPeer: free.URL(t), NoSync: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return connect(t, server.Endpoint())
}

func connect(t *testing.T, endpoint string) *Client {
	t.Helper()
	c, err := Open(t.Context(), Options{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestOpenReportsASilentStore(t *testing.T) {
	_, err := Open(t.Context(), Options{Endpoints: []string{free.URL(t)}, DialTimeout: 200 * time.Millisecond})
	if !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}

// §12: a program that does not understand the state refuses to start.
func TestNewerStateIsRefused(t *testing.T) {
	c := open(t)
	options := Options{Endpoints: c.etcd.Endpoints()}
	for value, refused := range map[string]bool{
		`{"v":1,"version":1,"min_reader":1}`: false, `{"v":1,"version":9,"min_reader":1}`: false, `{"v":1,"version":2,"min_reader":2}`: true, `{`: true,
	} {
		if _, err := c.etcd.Put(t.Context(), c.key(KeySchema), value); err != nil {
			t.Fatal(err)
		}
		again, err := Open(t.Context(), options)
		if (err != nil) != refused || value != "{" && errors.Is(err, ErrSchema) != refused {
			t.Errorf("%s: %v", value, err)
		}
		if again != nil {
			_ = again.Close()
		}
	}
}

// TK-1: uids are unique over all processes, whatever they do at once.
func TestTK1TaskUIDsAreUnique(t *testing.T) {
	a := open(t)
	b := connect(t, a.etcd.Endpoints()[0])
	var mu sync.Mutex
	seen := map[uint32]bool{}
	var wg sync.WaitGroup
	for _, c := range []*Client{a, b, a, b} {
		wg.Go(func() {
			for range 300 {
				uid, err := c.NextTaskUID(t.Context())
				mu.Lock()
				if err != nil || seen[uid] {
					t.Errorf("uid %d again, %v", uid, err)
				}
				seen[uid] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 1200 {
		t.Fatalf("%d uids", len(seen))
	}
}

func index(uid, physical string) (routing.IndexRecord, routing.PlacementRecord) {
	return routing.IndexRecord{V: 1, UID: uid, Physical: physical, Shards: 1},
		routing.PlacementRecord{V: 1, Physical: physical, Shards: 1, Groups: map[int][][]routing.Copy{}}
}

func create(t *testing.T, c *Client, uid, physical string) bool {
	t.Helper()
	ix, p := index(uid, physical)
	created, err := c.CreateIndex(t.Context(), ix, p, routing.SettingsRecord{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// RT-3: of two first writers one makes the index, the other uses it.
func TestRT3CreateIndexOnce(t *testing.T) {
	c := open(t)
	if !create(t, c, "a", "a--1") || create(t, c, "a", "a--2") {
		t.Fatal("an index must be created once")
	}
	if rec, err := c.Index(t.Context(), "a"); err != nil || rec.Physical != "a--1" {
		t.Fatalf("%+v, %v", rec, err)
	}
	if deleted, err := c.DeleteIndex(t.Context(), "a", "a--2", nil); deleted || err != nil {
		t.Fatalf("deleted another physical index: %v, %v", deleted, err)
	}
	if deleted, err := c.DeleteIndex(t.Context(), "a", "a--1", nil); !deleted || err != nil {
		t.Fatalf("not deleted: %v, %v", deleted, err)
	}
	if _, err := c.Index(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}

func TestSwapAndRename(t *testing.T) {
	c := open(t)
	create(t, c, "a", "a--1")
	create(t, c, "b", "b--2")
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "b"}}); err != nil {
		t.Fatal(err)
	}
	if rec, _ := c.Index(t.Context(), "a"); rec.Physical != "b--2" || rec.UID != "a" {
		t.Fatalf("%+v", rec)
	}
	var missing *MissingIndexesError
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "x"}, {A: "y", B: "b"}}); !errors.As(err, &missing) || len(missing.Names) != 2 {
		t.Fatalf("got %v", err)
	}
	// One pair that can not be exchanged leaves all of them as they are; what is missing is told before what is taken.
	create(t, c, "c", "c--3")
	var taken *TakenNamesError
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "b"}, {A: "c", B: "b", Rename: true}, {A: "b", B: "c", Rename: true}}); !errors.As(err, &taken) || len(taken.Swaps) != 2 {
		t.Fatalf("got %v", err)
	}
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "b", Rename: true}, {A: "x", B: "c", Rename: true}}); !errors.As(err, &missing) || len(missing.Names) != 1 {
		t.Fatalf("got %v", err)
	}
	if rec, _ := c.Index(t.Context(), "a"); rec.Physical != "b--2" {
		t.Fatalf("%+v", rec)
	}
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "c", B: "new", Rename: true}, {A: "a", B: "b"}}); err != nil {
		t.Fatal(err)
	}
	if rec, err := c.Index(t.Context(), "new"); err != nil || rec.Physical != "c--3" || rec.UID != "new" {
		t.Fatalf("%+v, %v", rec, err)
	}
	if _, err := c.Index(t.Context(), "c"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "b"}}); err != nil {
		t.Fatal(err)
	}
	// Chaos seed 79: without etcd nothing is known about the indexes, which is not that there are none.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.SwapIndexes(gone, []Swap{{A: "a", B: "b"}}); !errors.Is(err, ErrUnavailable) || errors.As(err, &missing) {
		t.Errorf("without an answer of the store: %v", err)
	}
	if err := c.RenameIndex(t.Context(), "a", "b"); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	if err := c.RenameIndex(t.Context(), "a", "z"); err != nil {
		t.Fatal(err)
	}
	if rec, err := c.Index(t.Context(), "z"); err != nil || rec.Physical != "b--2" {
		t.Fatalf("%+v, %v", rec, err)
	}
}

// POST /swap-indexes is atomic for readers: every view has all pairs exchanged or none of them.
func TestSwapIsAtomicForReaders(t *testing.T) {
	c := open(t)
	for _, uid := range []string{"a", "b", "c", "d"} {
		create(t, c, uid, uid+"--1")
	}
	w, err := c.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	changed, cancel := w.Subscribe()
	defer cancel()
	done := make(chan error, 1)
	go func() {
		var err error
		for range 50 {
			if err == nil {
				err = c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "b"}, {A: "c", B: "d"}})
			}
		}
		if err == nil { // the view that has this one has seen all exchanges
			_, err = c.CreateIndex(t.Context(), routing.IndexRecord{V: 1, UID: "last", Physical: "last--1", Shards: 1},
				routing.PlacementRecord{V: 1, Physical: "last--1", Shards: 1}, routing.SettingsRecord{})
		}
		done <- err
	}()
	for last := false; !last; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			done = nil
		case <-changed:
			v := w.View()
			_, last = v.Indexes["last"]
			want := 4
			if last {
				want++
			}
			if len(v.Indexes) != want || len(v.Physical) != want || (v.Indexes["a"].Physical == "a--1") != (v.Indexes["c"].Physical == "c--1") {
				t.Fatalf("a half exchanged view: %v", v.Indexes)
			}
		}
	}
}

func TestSettingsVersionsAreCompared(t *testing.T) {
	c := open(t)
	rec := routing.SettingsRecord{V: 1, Version: 1, ClientView: []byte(`{}`)}
	if err := c.PutSettings(t.Context(), "a--1", rec, 0); err != nil {
		t.Fatal(err)
	}
	if err := c.PutSettings(t.Context(), "a--1", rec, 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	rec.Version = 2
	if err := c.PutSettings(t.Context(), "a--1", rec, 1); err != nil {
		t.Fatal(err)
	}
}

// place makes an index with one shard.
func place(t *testing.T, c *Client, physical string) {
	t.Helper()
	ix := routing.IndexRecord{V: 1, UID: physical, Physical: physical, Shards: 1}
	if _, err := c.CreateIndex(t.Context(), ix, routing.PlacementRecord{V: 1, Physical: physical, Shards: 1}, routing.SettingsRecord{}); err != nil {
		t.Fatal(err)
	}
}

// F5: a freeze stands beside the committed settings or alone, moves no version, and goes with the next ones.
func TestF5FreezeOfSettings(t *testing.T) {
	c := open(t)
	freeze := &routing.Freeze{Task: 7}
	if err := c.FreezeSettings(t.Context(), "f--1", freeze); !errors.Is(err, ErrNotFound) {
		t.Fatalf("there is no such index: %v", err)
	}
	place(t, c, "f--1")
	if err := c.FreezeSettings(t.Context(), "f--1", nil); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
	for version := range uint64(2) {
		if err := c.FreezeSettings(t.Context(), "f--1", freeze); err != nil {
			t.Fatal(err)
		}
		rec, _, err := c.CommittedSettings(t.Context(), "f--1")
		if err != nil || rec.Frozen == nil || rec.Frozen.Task != 7 || rec.Version != version || (len(rec.ClientView) > 0) != (version > 0) {
			t.Fatalf("%+v, %v", rec, err)
		}
		next := routing.SettingsRecord{V: 1, Version: version + 1, ClientView: []byte(`{}`)}
		if err := c.PutSettings(t.Context(), "f--1", next, version); err != nil {
			t.Fatal(err)
		}
		if rec, _, err = c.CommittedSettings(t.Context(), "f--1"); err != nil || rec.Frozen != nil {
			t.Fatalf("%+v, %v", rec, err)
		}
	}
	if err := c.FreezeSettings(t.Context(), "f--1", freeze); err != nil {
		t.Fatal(err)
	}
	if err := c.FreezeSettings(t.Context(), "f--1", nil); err != nil {
		t.Fatal(err)
	}
	if rec, _, err := c.CommittedSettings(t.Context(), "f--1"); err != nil || rec.Frozen != nil || rec.Version != 2 {
		t.Fatalf("%+v, %v", rec, err)
	}
}

// F5: which nodes rest stands beside the committed settings or alone, and moves no version.
func TestF5RestOfSettings(t *testing.T) {
	c := open(t)
	place(t, c, "r--1")
	for _, nodes := range [][]string{{"a", "b"}, {"c"}, nil} {
		if err := c.RestSettings(t.Context(), "r--1", nodes); err != nil {
			t.Fatal(err)
		}
		if rec, _, err := c.CommittedSettings(t.Context(), "r--1"); err != nil || !slices.Equal(rec.Resting, nodes) || rec.Version != 0 {
			t.Fatalf("%+v, %v", rec, err)
		}
	}
}

// What a node shows is kept only while its index is placed, and goes with it; the view has it, and keeps its epoch.
func TestF5SettingsOfNodesGoWithTheIndex(t *testing.T) {
	c := open(t)
	rec := routing.NodeSettingsRecord{V: 1, Version: 3, Hash: "h"}
	if err := c.PutNodeSettings(t.Context(), "x--1", "a", rec); !errors.Is(err, ErrNotFound) {
		t.Errorf("an index that is not placed: %v", err)
	}
	place(t, c, "x--1")
	watch, err := c.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	epoch := watch.View().Epoch
	if err := c.PutNodeSettings(t.Context(), "x--1", "a", rec); err != nil {
		t.Fatal(err)
	}
	v, err := watch.Wait(t.Context(), func(v *routing.View) bool { return v.Physical["x--1"].Shown["a"] == rec })
	if err != nil || v.Epoch != epoch {
		t.Errorf("epoch %d, was %d: %v", v.Epoch, epoch, err)
	}
	if deleted, err := c.DeleteIndex(t.Context(), "x--1", "x--1", nil); err != nil || !deleted {
		t.Fatal(deleted, err)
	}
	if err := c.Entries(t.Context(), routing.FamilyNodeSettings, func(e Entry) error {
		t.Errorf("left behind: %s", e.Key)
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestRegisterAndAdmitNode(t *testing.T) {
	c := open(t)
	want := routing.NodeRecord{ID: "node-0", Address: "http://a", ReplicaGroup: 0}
	rec, err := c.RegisterNode(t.Context(), want)
	if err != nil || rec.State != routing.NodeJoining {
		t.Fatalf("%+v, %v", rec, err)
	}
	if err := c.AdmitNode(t.Context(), "node-0"); err != nil {
		t.Fatal(err)
	}
	want.Address = "http://b"
	if rec, err = c.RegisterNode(t.Context(), want); err != nil || rec.State != routing.NodeActive || rec.Address != "http://b" {
		t.Fatalf("%+v, %v", rec, err)
	}
	want.ReplicaGroup = 1
	if _, err = c.RegisterNode(t.Context(), want); !errors.Is(err, ErrConflict) {
		t.Fatalf("another group: %v", err)
	}
}

// ET-2, NS-1, NS-4: the view follows the store as its watch tells, nobody has to ask: a node without its lease is down, a missed write makes a copy dirty.
func TestNS1ViewFollowsTheStore(t *testing.T) {
	c := open(t)
	w, err := c.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	wait := func(what string, cond func(*routing.View) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := w.Wait(ctx, cond); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if _, err := c.RegisterNode(t.Context(), routing.NodeRecord{ID: "node-0", Address: "http://a"}); err != nil {
		t.Fatal(err)
	}
	session, err := c.NewSession(t.Context(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Put(t.Context(), "health/node-0", routing.HealthRecord{V: 1, OK: true}); err != nil {
		t.Fatal(err)
	}
	wait("node up", func(v *routing.View) bool { return v.Nodes["node-0"].OK })
	epoch := w.View().Epoch
	create(t, c, "a", "a--1")
	if err := c.MarkDirty(t.Context(), "a--1", "node-0", []int{0}, Miss{Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	wait("copy dirty", func(v *routing.View) bool { return v.Indexes["a"] != nil && v.Indexes["a"].Dirty(0, "node-0") })
	if w.View().Epoch <= epoch {
		t.Errorf("epoch %d did not grow from %d", w.View().Epoch, epoch)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait("node down", func(v *routing.View) bool { return !v.Nodes["node-0"].Alive })
}

// TK-2, TK-11: a task is open, then done, once; the cache follows.
func TestTK11TaskLife(t *testing.T) {
	c := open(t)
	w, err := c.WatchTasks(t.Context(), zerolog.Nop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := task.Record{UID: 3, Type: task.DocumentAddition, Status: task.Enqueued, EnqueuedAt: time.Now().UTC()}
	if err := c.CreateTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTask(t.Context(), r); !errors.Is(err, ErrConflict) {
		t.Fatalf("a uid was written twice: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.Wait(ctx, 3, func(task.Record) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := w.Open(); len(got) != 1 || got[0].UID != 3 {
		t.Fatalf("open: %+v", got)
	}
	r.Finish(time.Now().UTC(), nil)
	for i, want := range []bool{true, false} {
		if finished, err := c.FinishTask(t.Context(), r); finished != want || err != nil {
			t.Fatalf("finish %d: %v, %v", i, finished, err)
		}
	}
	if _, err := w.Wait(ctx, 3, func(r task.Record) bool { return r.Done() }); err != nil {
		t.Fatal(err)
	}
	if len(w.Open()) != 0 || w.Len() != 1 {
		t.Fatalf("%d open of %d", len(w.Open()), w.Len())
	}
	if got, err := c.Task(t.Context(), 3); err != nil || got.Status != task.Succeeded {
		t.Fatalf("%+v, %v", got, err)
	}
}

// BG-4, BG-5: one leader a scope; who lost the scope writes nothing more.
func TestBG5LeadershipFencesWorkflows(t *testing.T) {
	c := open(t)
	first, err := c.Campaign(t.Context(), "scope", "one", 5)
	if err != nil {
		t.Fatal(err)
	}
	revision, err := first.PutWorkflow(t.Context(), "kind", "id", map[string]int{"v": 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan *Leadership, 1)
	go func() {
		l, err := c.Campaign(t.Context(), "scope", "two", 5)
		if err != nil {
			t.Error(err)
		}
		second <- l
	}()
	if err := first.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := <-second
	if l.Token() <= first.Token() {
		t.Errorf("token %d after %d", l.Token(), first.Token())
	}
	if _, err := first.PutWorkflow(t.Context(), "kind", "id", map[string]int{"v": 1}, revision); !errors.Is(err, ErrLostLeadership) {
		t.Fatalf("got %v", err)
	}
	if _, err := l.PutWorkflow(t.Context(), "kind", "id", map[string]int{"v": 1}, revision-1); !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	if _, err := l.PutWorkflow(t.Context(), "kind", "id", map[string]int{"v": 1}, revision); err != nil {
		t.Fatal(err)
	}
	if err := l.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
}
