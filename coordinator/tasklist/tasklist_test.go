package tasklist

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miroir-search/miroir/internal/task"
)

// run leads with a finisher beside it, for some time of the test's clock.
func run(t *testing.T, w *world, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- w.list().Lead(ctx) }()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(30 * time.Millisecond):
			w.finish()
		}
	}
	if err := <-end; !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func details(r task.Record) string { return string(r.Details) }

// TK-10: parts that were not started are stopped everywhere, and both tasks say so.
func TestTK10Cancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.write(1, task.Succeeded)
		w.finish()
		w.write(2, task.Enqueued)
		w.write(3, task.Enqueued)
		w.tasks[4] = task.Record{UID: 4, Type: task.IndexCreation, Status: task.Enqueued, Targets: []task.Target{{Node: "a"}}}
		w.parts["a"][4] = task.Enqueued
		w.order(5, task.TaskCancelation, 1, 2, 4, 6, 99)
		w.write(6, task.Enqueued) // younger than the order
		run(t, w, time.Second)
		if got := w.get(5); got.Status != task.Succeeded || details(got) != `{"matchedTasks":5,"canceledTasks":1,"originalFilter":"?uids=*"}` || got.StartedAt == nil {
			t.Errorf("the order: %s %s", got.Status, details(got))
		}
		two := w.get(2)
		if two.Status != task.Canceled || two.CanceledBy == nil || *two.CanceledBy != 5 || details(two) != `{"receivedDocuments":1,"indexedDocuments":0}` {
			t.Errorf("%+v %s", two, details(two))
		}
		for uid, want := range map[uint32]string{1: task.Succeeded, 3: task.Enqueued, 4: task.Enqueued, 6: task.Enqueued} {
			if got := w.get(uid); got.Status != want || got.Canceling != nil {
				t.Errorf("task %d: %s, canceling %v", uid, got.Status, got.Canceling)
			}
		}
		slices.Sort(w.orders)
		if got := strings.Join(w.orders, "; "); got != "POST a/tasks/cancel 102; POST b/tasks/cancel 102" {
			t.Errorf("told %s", got)
		}
	})
}

// TK-10: nobody stops what another node has carried out already, so that copies stay alike.
func TestTK10TooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.write(1, task.Processing)
		w.parts["b"][1] = task.Succeeded
		w.order(2, task.TaskCancelation, 1)
		run(t, w, time.Second)
		if len(w.orders) > 0 {
			t.Errorf("told %v", w.orders)
		}
		if got := w.get(2); got.Status != task.Succeeded || !strings.Contains(details(got), `"canceledTasks":0`) {
			t.Errorf("the order waits: %s %s", got.Status, details(got))
		}
		w.parts["a"][1] = task.Succeeded
		run(t, w, time.Second)
		if got := w.get(1); got.Status != task.Succeeded || got.CanceledBy != nil {
			t.Errorf("%s, canceled by %v", got.Status, got.CanceledBy)
		}
	})
}

// TK-10: a node that is away is told when it returns, though the order has ended long since.
func TestTK10NodeReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.write(1, task.Enqueued)
		w.up["b"] = false
		w.order(2, task.TaskCancelation, 1)
		run(t, w, time.Second)
		if got := w.get(2); got.Status != task.Succeeded || !strings.Contains(details(got), `"canceledTasks":0`) {
			t.Errorf("the order waits for a node that is away: %s %s", got.Status, details(got))
		}
		if w.parts["a"][1] != task.Canceled || w.parts["b"][1] != task.Enqueued {
			t.Fatalf("parts: %v", w.parts)
		}
		w.up["b"] = true
		w.wake()
		run(t, w, time.Second)
		if got := w.get(1); got.Status != task.Canceled || *got.CanceledBy != 2 {
			t.Errorf("%s, canceled by %v", got.Status, got.CanceledBy)
		}
	})
}

// TK-10: a part that has yet to reach its node is waited for; a node that does not stop is told again, and not all the
// time.
func TestTK10PartsThatComeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.write(1, task.Enqueued)
		delete(w.parts["b"], 1)
		w.stuck["a"] = true
		w.order(2, task.TaskCancelation, 1)
		run(t, w, 10*time.Second)
		if got := w.get(2); got.Status != task.Processing {
			t.Fatalf("the order: %s", got.Status)
		}
		if n := len(w.orders); n < 3 || n > 6 {
			t.Errorf("told %d times in 10 s", n)
		}
		w.parts["b"][1], w.stuck["a"] = task.Enqueued, false
		run(t, w, 5*time.Second)
		if one, two := w.get(1), w.get(2); one.Status != task.Canceled || two.Status != task.Succeeded {
			t.Errorf("%s, the order %s", one.Status, two.Status)
		}
	})
}

// TK-11: whatever call the leader dies at, the next one ends the order with the same counts.
func TestTK11CrashesOfOrders(t *testing.T) {
	for _, kind := range []string{task.TaskCancelation, task.TaskDeletion} {
		for crash := range 12 {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "a", "b")
				for uid := range uint32(3) {
					w.write(uid, task.Succeeded)
				}
				w.finish()
				for uid := uint32(3); uid < 6; uid++ {
					w.write(uid, task.Enqueued)
				}
				w.order(6, kind, 0, 1, 2, 3, 4, 5)
				w.crash = crash
				run(t, w, time.Second)
				w.crash = -1
				w.wake()
				run(t, w, 2*time.Second)
				name := "canceledTasks"
				if kind == task.TaskDeletion {
					name = "deletedTasks"
				}
				if got := w.get(6); got.Status != task.Succeeded || details(got) != `{"matchedTasks":6,"`+name+`":3,"originalFilter":"?uids=*"}` {
					t.Errorf("%s with a crash at %d: %s %s", kind, crash, got.Status, details(got))
				}
			})
		}
	}
}

// TK-9: a deletion forgets finished tasks here and on the nodes, and no others.
func TestTK9Delete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "c")
		for uid := range uint32(1200) {
			w.write(uid, task.Succeeded)
		}
		w.finish()
		w.write(1200, task.Enqueued)
		w.up["c"] = false
		var all []uint32
		for uid := range uint32(1300) {
			all = append(all, uid)
		}
		w.order(1201, task.TaskDeletion, all...)
		run(t, w, startTime+time.Second)
		got := w.get(1201)
		if got.Status != task.Succeeded || details(got) != `{"matchedTasks":1300,"deletedTasks":1200,"originalFilter":"?uids=*"}` {
			t.Errorf("the order: %s %s", got.Status, details(got))
		}
		if len(w.deleted) != 1200 || len(w.tasks) != 2 {
			t.Errorf("%d deleted, %d left", len(w.deleted), len(w.tasks))
		}
		if len(w.parts["a"]) != 1 || len(w.parts["b"]) != 1 || len(w.parts["c"]) != 1201 {
			t.Errorf("left on the nodes: %d, %d, %d", len(w.parts["a"]), len(w.parts["b"]), len(w.parts["c"]))
		}
	})
}

// TK-9: what a client saw end is deleted though its end was not recorded yet; what nobody records is not waited for long.
func TestTK9DeleteWhatHasJustEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		w.write(1, task.Enqueued)
		w.write(2, task.Enqueued)
		w.order(3, task.TaskDeletion, 1, 2)
		order := w.tasks[3]
		order.Op = json.RawMessage(`{"tasks":"1-2","ended":"1"}`)
		w.tasks[3] = order
		run(t, w, time.Second)
		if got := w.get(3); got.Done() {
			t.Fatalf("the order did not wait: %s %s", got.Status, details(got))
		}
		w.parts["a"][1] = task.Succeeded
		run(t, w, time.Second)
		if got := w.get(3); got.Status != task.Succeeded || !strings.Contains(details(got), `"deletedTasks":1`) {
			t.Errorf("%s %s", got.Status, details(got))
		}
		w.order(4, task.TaskDeletion, 2)
		order = w.tasks[4]
		order.Op = json.RawMessage(`{"tasks":"2","ended":"2"}`)
		w.tasks[4] = order
		w.wake()
		run(t, w, recordTime+time.Second)
		if got := w.get(4); got.Status != task.Succeeded || !strings.Contains(details(got), `"deletedTasks":0`) {
			t.Errorf("%s %s", got.Status, details(got))
		}
	})
}

// TK-9: a deletion waits for what it selected and is being worked off, as an engine does, and not for what waits itself.
func TestTK9DeleteWaitsForWhatIsWorkedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.write(1, task.Enqueued)
		w.write(2, task.Enqueued)
		w.order(3, task.TaskDeletion, 1, 2)
		run(t, w, startTime/2)
		if got := w.get(3); got.Done() {
			t.Fatalf("nothing had the time to begin, and yet the order ended: %s", details(got))
		}
		w.parts["b"][1] = task.Processing
		run(t, w, time.Hour)
		if got := w.get(3); got.Done() {
			t.Fatalf("the order did not wait: %s", details(got))
		}
		w.parts["a"][1], w.parts["b"][1] = task.Succeeded, task.Succeeded
		run(t, w, time.Second)
		w.finish()
		run(t, w, time.Second)
		if got := w.get(3); got.Status != task.Succeeded || !strings.Contains(details(got), `"deletedTasks":1`) || !slices.Equal(w.deleted, []uint32{1}) {
			t.Errorf("%s %s, %v deleted", got.Status, details(got), w.deleted)
		}
	})
}

// A leader that has nothing to do asks nobody.
func TestRestsWithoutOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a")
		w.write(1, task.Enqueued)
		l := w.list()
		if l.known = map[uint32]*progress{}; l.round(t.Context()) {
			t.Error("busy without an order")
		}
		w.tasks[2] = task.Record{UID: 2, Type: task.TaskCancelation, Status: task.Enqueued, Op: json.RawMessage(`{`)}
		if l.round(t.Context()); len(w.orders) > 0 || w.get(2).Status != task.Failed || w.get(2).Error == nil {
			t.Errorf("an order that can not be read: %+v", w.get(2))
		}
	})
}
