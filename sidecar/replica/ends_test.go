package replica

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// newReplica returns one that is ready, and settles nothing by itself. take makes a leg of one document of it.
func newReplica(t *testing.T) (r *Replica, take func(write string, stamp hlc.Stamp, kind guard.Kind) *Leg) {
	t.Helper()
	r, _ = open(t, t.TempDir(), time.Now)
	close(r.ready)
	return r, func(write string, stamp hlc.Stamp, kind guard.Kind) *Leg {
		t.Helper()
		return begin(t, r, "movies", write, stamp, kind)
	}
}

// open returns a replica with the journal in a folder, until it is shut.
func open(t *testing.T, dir string, now func() time.Time) (r *Replica, shut func()) {
	t.Helper()
	clock := hlc.New(time.Now)
	j, err := journal.Open(dir, clock, journal.Options{Metrics: journal.NewMetrics(prometheus.NewRegistry()), NoSync: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	shut = sync.OnceFunc(func() { _ = j.Close() })
	t.Cleanup(shut)
	return New(Config{Journal: j, Clock: clock, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry())}), shut
}

// begin makes a leg of one document.
func begin(t *testing.T, r *Replica, index, write string, stamp hlc.Stamp, kind guard.Kind) *Leg {
	t.Helper()
	l, err := r.Begin(t.Context(), index, write, stamp, kind)
	if err == nil && !kind.Wide() {
		_, err = l.Take(0, []byte("x"), 0, []byte(`{"id":"x"}`+"\n"))
	}
	if err == nil {
		err = l.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *Leg) enqueue(t *testing.T, task uint32) {
	t.Helper()
	if err := l.Enqueued(task); err != nil {
		t.Fatal(err)
	}
}

func told(t *testing.T, r *Replica, write string, want bool, when string) {
	t.Helper()
	if _, ok := r.Ended(t.Context(), write, 0); ok != want {
		t.Errorf("%s: the end of %s may be told: %v, want %v", when, write, ok, want)
	}
}

// settleAll does the checkups that are queued, but for what the engine would have to do.
func settleAll(r *Replica) {
	for c, _, ok := r.next(time.Now()); ok; c, _, ok = r.next(time.Now()) {
		r.sent(c, "again")
		r.done(c)
	}
}

// §6 "Order": the end of a write is not told while an older one can come behind it, nor before what that one hides was sent
// again.
func TestEndsWaitForOlderLegs(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	older, newer := take("older", now+1, guard.Update), take("newer", now+2, guard.Update)
	told(t, r, "newer", false, "not enqueued yet")
	newer.enqueue(t, 1)
	told(t, r, "newer", false, "an older one is on its way")
	later := take("later", now+3, guard.Update)
	later.enqueue(t, 2)
	older.enqueue(t, 3)
	for _, write := range []string{"older", "newer", "later"} {
		told(t, r, write, false, "the older one came behind")
	}
	settleAll(r)
	for _, write := range []string{"older", "newer", "later"} {
		if after, ok := r.Ended(t.Context(), write, 0); !ok || after != "again" {
			t.Errorf("settled: %s waits for %q, %v", write, after, ok)
		}
	}
}

func TestEndsDoNotWaitForWhatIsNewerOrGone(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	gone, one := take("gone", now+1, guard.Update), take("one", now+2, guard.Update)
	take("newer", now+3, guard.Update)
	one.enqueue(t, 1)
	told(t, r, "one", false, "an older one is on its way")
	if err := gone.Discard(); err != nil {
		t.Fatal(err)
	}
	told(t, r, "one", true, "the older one does not come")
	if len(r.ends) > 0 {
		t.Error("what need not wait any more is still noted")
	}
}

// A leg of which nobody knows whether the engine has it may come behind others.
func TestEndsWaitForDoubt(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	take("older", now+1, guard.Update).Doubt()
	newer := take("newer", now+2, guard.Update)
	newer.enqueue(t, 1)
	told(t, r, "newer", false, "an older one may be there")
	if err := r.Found("older", 2); err != nil {
		t.Fatal(err)
	}
	told(t, r, "newer", false, "it is there")
	settleAll(r)
	told(t, r, "newer", true, "settled")
}

// A late operation does not go to the engine by itself, and stands in the journal as one that has not.
func TestLateOperationsWaitForNewerOnes(t *testing.T) {
	r, take := newReplica(t)
	attach(t, r)
	now := hlc.At(time.Now())
	take("newer", now+2, guard.Update).enqueue(t, 1)
	l, err := r.Begin(t.Context(), "movies", "late", now+1, guard.Update)
	if err != nil {
		t.Fatal(err)
	}
	if keep, err := l.Take(0, []byte("x"), 0, []byte(`{"id":"x"}`)); keep || err != nil {
		t.Fatalf("the engine would get it: %v, %v", keep, err)
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	l.enqueue(t, 2)
	history, err := r.Journal.Operations("movies", 0, []byte("x"))
	if err != nil || len(history) != 2 || history[0].Late || !history[1].Late {
		t.Fatalf("history %v, %v", history, err)
	}
	if again, ok := guard.Settle(opsOf(history), guard.Wide{}); !ok || len(again) != 2 {
		t.Errorf("%v are sent again", again)
	}
	told(t, r, "late", false, "not sent yet")
}

// WQ-6: an operation that names no document waits until documents are in order, and nothing is sent again behind it.
func TestWideOperationsWaitUntilAllIsInOrder(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	older, newer := take("older", now+1, guard.Update), take("newer", now+2, guard.Update)
	newer.enqueue(t, 1)
	older.enqueue(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Begin(ctx, "movies", "clear", now+3, guard.Clear); err == nil {
		t.Fatal("it did not wait")
	}
	settleAll(r)
	l := take("clear", now+3, guard.Clear)
	r.mu.Lock()
	r.add(checkup{index: "movies", place: newer.parts[0].Place()})
	r.mu.Unlock()
	if c, _, ok := r.next(time.Now()); ok {
		t.Errorf("%v would be settled behind it", c)
	}
	l.enqueue(t, 3)
	if _, _, ok := r.next(time.Now()); !ok {
		t.Error("nothing is settled any more")
	}
}

// Chaos, seed 195: after the clock of a node was ahead for a moment, its journal's places stand still for minutes. What is in doubt is
// given up by the time that passes, and does not keep ends of writes from being told.
func TestDoubtDoesNotLastAsLongAsAWrongClock(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	older := take("older", now+1, guard.Update)
	older.Doubt()
	take("newer", now+2, guard.Update).enqueue(t, 1)
	told(t, r, "newer", false, "just in doubt")
	r.mu.Lock()
	r.doubts[older.parts[0].Place()] = time.Now().Add(-holdTime)
	r.mu.Unlock()
	told(t, r, "newer", true, "in doubt for long")
	if d := r.doubt("older", older.parts[0].Place()); d < holdTime {
		t.Errorf("in doubt since %s", d)
	}
	if err := r.retract("older"); err != nil {
		t.Fatal(err)
	}
	if len(r.unsure)+len(r.doubts) > 0 {
		t.Error("what was taken back is still in doubt")
	}
}

// noIndexes is a view after all indexes were deleted.
type noIndexes struct{}

func (noIndexes) View() *routing.View { return &routing.View{} }

// What can not be put in order because its index is gone does not hold up what is out of order elsewhere.
func TestAnIndexThatIsGoneIsNotSettled(t *testing.T) {
	r, _ := newNode(t)
	r.Views = noIndexes{}
	now := hlc.At(time.Now())
	older, newer := begin(t, r, "movies", "older", now+1, guard.Update), begin(t, r, "movies", "newer", now+2, guard.Update)
	newer.enqueue(t, 1)
	older.enqueue(t, 2)
	c, _, ok := r.next(time.Now())
	if !ok {
		t.Fatal("nothing is out of order")
	}
	r.settle(t.Context(), c)
	if c, _, ok := r.next(time.Now().Add(time.Hour)); ok {
		t.Fatalf("it is tried again: %v", c)
	}
	told(t, r, "newer", true, "the index is gone")
}

// A write in doubt of which the engine has a task is not told to have ended before its place among others was looked at.
func TestTheEndOfAWriteInDoubtWaitsForItsPlace(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	newer := take("newer", now+2, guard.Update)
	older := take("older", now+1, guard.Update)
	newer.Doubt()
	older.enqueue(t, 2)
	if _, ok := r.Ended(t.Context(), "newer", 1); ok {
		t.Error("the older one stands behind it")
	}
	settleAll(r)
	if after, ok := r.Ended(t.Context(), "newer", 1); !ok || after != "again" {
		t.Errorf("settled: it waits for %q, %v", after, ok)
	}
	if len(r.unsure)+len(r.doubts)+len(r.entering) > 0 {
		t.Error("it is still in doubt")
	}
}

// What is noted about an index goes with it, and does not keep ends of writes from being told.
func TestNothingIsNotedOfAnIndexThatIsGone(t *testing.T) {
	r, take := newReplica(t)
	now := hlc.At(time.Now())
	take("doubtful", now+3, guard.Update).Doubt()
	older, newer := take("older", now+1, guard.Update), take("newer", now+2, guard.Update)
	newer.enqueue(t, 1)
	older.enqueue(t, 2)
	settleAll(r)
	if err := r.Prune(func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	told(t, r, "newer", true, "its index is gone")
	if n := len(r.ends) + len(r.unsure) + len(r.doubts) + len(r.checks) + len(r.lanes); n > 0 {
		t.Errorf("%d notes are left: %v %v %v %v", n, r.ends, r.unsure, r.doubts, r.checks)
	}
}

// The same where something of it was out of order when it went.
func TestNothingIsNotedOfAnIndexThatWentOutOfOrder(t *testing.T) {
	r, _ := newNode(t)
	reverse(t, r, "movies", 1)
	if err := r.Prune(func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	work(t, r, time.Now())
	r.tidy(t.Context())
	if n := len(r.ends) + len(r.checks) + len(r.lanes); n > 0 {
		t.Errorf("%d notes are left", n)
	}
}
