package state

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/task"
)

func openTask(uid uint32) task.Record {
	return task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Enqueued, EnqueuedAt: time.Now().UTC()}
}

// TK-8, TK-10: what selects tasks sees every task that was recorded before, even by another process.
func TestTK8SyncSeesWhatOthersRecorded(t *testing.T) {
	a := open(t)
	b := connect(t, a.etcd.Endpoints()[0])
	w, err := b.WatchTasks(t.Context(), zerolog.Nop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Sync(ctx); err != nil {
		t.Fatalf("without any task: %v", err)
	}
	for uid := range uint32(200) {
		if err := a.CreateTask(t.Context(), openTask(uid)); err != nil {
			t.Fatal(err)
		}
		if uid%50 == 0 { // something that no cache understands must not hold it up
			if _, err := a.etcd.Put(t.Context(), a.key(familyDone, uidKey(100_000+uid)), "{"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		if _, ok := w.Get(uid); !ok {
			t.Fatalf("task %d is not known", uid)
		}
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if err := w.Sync(gone); err == nil {
		t.Error("a caller that left was told that all is well")
	}
}

// TK-10: nobody hears that a task has ended before the view of the same process shows what it did.
func TestTK10EndsFollowTheView(t *testing.T) {
	c := open(t)
	views := &ViewWatch{} // hears of nothing yet
	held, err := c.WatchTasks(t.Context(), zerolog.Nop(), views)
	if err != nil {
		t.Fatal(err)
	}
	free, err := c.WatchTasks(t.Context(), zerolog.Nop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := openTask(3)
	if err := c.CreateTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Finish(time.Now().UTC(), nil)
	if _, err := c.FinishTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	known, done := func(task.Record) bool { return true }, func(r task.Record) bool { return r.Done() }
	if _, err := free.Wait(ctx, 3, done); err != nil {
		t.Fatal(err)
	}
	if r, err := held.Wait(ctx, 3, known); err != nil || r.Done() {
		t.Fatalf("told before the view knows: %v, %v", r.Status, err)
	}
	_, revision, err := c.get(ctx, c.key(familyDone, uidKey(3)))
	if err != nil {
		t.Fatal(err)
	}
	views.follow.see(revision)
	if _, err := held.Wait(ctx, 3, done); err != nil {
		t.Fatal(err)
	}
}

// TK-10: who waits for a task hears of it, though its end came together with it and has to wait for the view.
func TestTK10TasksDoNotWaitForTheViewOnlyEndsDo(t *testing.T) {
	w := &TaskWatch{byUID: map[uint32]*task.Record{}, open: map[uint32]int64{}, version: map[string]uint64{}, views: &ViewWatch{}}
	blocked, view := make(chan struct{}), make(chan struct{})
	feed := &taskFeed{watch: w, log: zerolog.Nop(), shown: func(int64) error {
		close(blocked)
		<-view
		return nil
	}}
	heard, cancel := w.Subscribe()
	defer cancel()
	r := openTask(3)
	r.V = task.Version
	ended := r
	ended.Finish(time.Now().UTC(), nil)
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		feed.apply(event{key: familyOpen + uidKey(3), value: encoded(t, r), revision: 5, created: 5})
		feed.apply(event{key: familyOpen + uidKey(3), revision: 6})
		feed.apply(event{key: familyDone + uidKey(3), value: encoded(t, ended), revision: 6, created: 6})
		feed.flush()
	}()
	<-blocked
	select {
	case <-heard:
	default:
		t.Error("nobody was told of the task")
	}
	if r, ok := w.Get(3); !ok || r.Done() {
		t.Errorf("known %t, %v", ok, r.Status)
	}
	if w.InView(3) || w.InView(4) {
		t.Error("the view shows nothing of the tasks yet")
	}
	w.views.follow.see(5)
	if !w.InView(3) {
		t.Error("the view shows what the task was written with")
	}
	close(view)
	<-flushed
	if open := w.Open(); len(open) != 0 {
		t.Errorf("open: %v", open)
	}
	if r, ok := w.Get(3); !ok || !r.Done() {
		t.Errorf("known %t, %v", ok, r.Status)
	}
}

func encoded(t *testing.T, r task.Record) []byte {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TK-10: an open task is amended, by several at once too; a finished one is left alone.
func TestTK10AmendTask(t *testing.T) {
	c := open(t)
	if err := c.CreateTask(t.Context(), openTask(7)); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			_, err := c.AmendTask(t.Context(), 7, func(r *task.Record) { r.RF++ })
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Task(t.Context(), 7)
	if err != nil || r.RF != cap(errs) {
		t.Fatalf("%+v, %v", r, err)
	}
	r.Finish(time.Now(), nil)
	if _, err := c.FinishTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AmendTask(t.Context(), 7, func(*task.Record) {}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}

// What clients sent stands in a record as they sent it.
func TestRecordsAreWrittenWithoutEscapes(t *testing.T) {
	c := open(t)
	r := openTask(1)
	r.Details = []byte(`{"originalFilter":"?uids=1&statuses=<b>"}`)
	if err := c.CreateTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got, err := c.Task(t.Context(), 1)
	if err != nil || string(got.Details) != string(r.Details) {
		t.Fatalf("%s, %v", got.Details, err)
	}
}
