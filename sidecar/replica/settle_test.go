package replica

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// work does the checkups that may be done at a time.
func work(t *testing.T, r *Replica, now time.Time) {
	t.Helper()
	for n := 0; ; n++ {
		c, _, ok := r.next(now)
		if !ok {
			return
		}
		if n > 20 {
			t.Fatal("no end")
		}
		r.settle(t.Context(), c)
	}
}

// An index that can not be put in order now does not hold up what is out of order in others, and is put in order later.
func TestAnIndexThatCanNotGoOnDoesNotHoldUpOthers(t *testing.T) {
	r, e := newNode(t)
	full := true
	e.refuse = func(index string, _ int64) int {
		if full && index == "movies" {
			return http.StatusInsufficientStorage
		}
		return 0
	}
	reverse(t, r, "movies", 1)
	reverse(t, r, "books", 3)
	work(t, r, time.Now())
	told(t, r, "books-newer", true, "the other index can not go on")
	told(t, r, "movies-newer", false, "it can not be put in order")
	if _, rest, ok := r.next(time.Now()); ok || rest == nil {
		t.Fatal("nobody will try again")
	}
	full = false
	work(t, r, time.Now().Add(time.Hour))
	told(t, r, "movies-newer", true, "it is in order")
}

// While the engine is away nothing is written down again and again for it.
func TestWhatIsTriedInVainLeavesNothing(t *testing.T) {
	r, e := newNode(t)
	reverse(t, r, "movies", 1)
	e.CloseClientConnections()
	e.Close()
	for n := range 5 {
		c, _, ok := r.next(time.Now().Add(time.Hour))
		if !ok {
			t.Fatalf("given up after %d", n)
		}
		r.settle(t.Context(), c)
	}
	if legs := r.Journal.Legs(); len(legs) != 2 || len(r.doubts) > 0 {
		t.Errorf("%d legs, %d in doubt", len(legs), len(r.doubts))
	}
}

// WQ-6: what a repair writes behind an operation on all documents is of after it, whichever version it is. A newer write that the engine had
// just got is put on top of it, and that is no write on the wrong side.
func TestCopiesBehindAWideOperationDoNotHideNewerWrites(t *testing.T) {
	for name, kind := range map[string]guard.Kind{"a copy": guard.Copy, "a deletion": guard.Delete} {
		r, e := newNode(t)
		r.Lost = func(context.Context, string, []int, hlc.Stamp, string) { t.Errorf("%s: copies are marked", name) }
		now := hlc.At(time.Now())
		begin(t, r, "movies", "older", now+1, guard.Replace).enqueue(t, 1)
		begin(t, r, "movies", "clear", now+2, guard.Clear).enqueue(t, 2)
		newer := begin(t, r, "movies", "newer", now+3, guard.Update)
		op := journal.Op{ID: []byte("x"), Version: guard.Version{Stamp: now + 1}}
		if kind == guard.Copy {
			op.Body, op.Floor = []byte(`{"id":"x"}`+"\n"), guard.Version{Stamp: now + 2}
		}
		if _, err := r.Write(t.Context(), "movies", kind, []journal.Op{op}); err != nil {
			t.Fatal(err)
		}
		newer.enqueue(t, 3) // before the copy
		told(t, r, "newer", false, name+" hides it")
		work(t, r, time.Now())
		told(t, r, "newer", true, name+" is below it")
		history, err := r.Journal.Operations("movies", 0, []byte("x"))
		last := history[len(history)-1]
		if err != nil || e.writes() != 2 || last.Stamp != now+3 || last.Task != 101 {
			t.Errorf("%s: %d writes, %v %v", name, e.writes(), history, err)
		}
	}
}

// What is sent again comes in pieces that the engine takes.
func TestMuchIsSentAgainInPieces(t *testing.T) {
	r, e := newNode(t)
	const most = sendBytes + 1<<20
	e.refuse = func(_ string, body int64) int {
		if body > most {
			return http.StatusRequestEntityTooLarge
		}
		return 0
	}
	now := hlc.At(time.Now())
	many := func(write string, stamp hlc.Stamp) *Leg {
		l, err := r.Begin(t.Context(), "movies", write, stamp, guard.Update)
		for i := range 20 {
			if err == nil {
				id := fmt.Sprint(i)
				_, err = l.Take(0, []byte(id), 0, fmt.Appendf(nil, `{"id":%q,"text":%q}`+"\n", id, strings.Repeat("x", sendBytes/16)))
			}
		}
		if err == nil {
			err = l.End()
		}
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	older, newer := many("older", now+1), many("newer", now+2)
	newer.enqueue(t, 1)
	older.enqueue(t, 2)
	work(t, r, time.Now())
	told(t, r, "newer", true, "sent again")
	if n := e.writes(); n < 2 {
		t.Errorf("%d pieces", n)
	}
}

// A write that comes while older ones are sent again may be hidden by them, though it was not known yet when what is sent was decided.
func TestEndsWaitForWhatIsSentAgainMeanwhile(t *testing.T) {
	r, _ := newNode(t)
	reverse(t, r, "movies", 1)
	last := hlc.At(time.Now()) + 9
	r.Views = &view{before: func() { // decided, and not sent
		begin(t, r, "movies", "last", last, guard.Update).enqueue(t, 3)
		told(t, r, "last", false, "older ones are about to be sent again")
	}}
	c, _, _ := r.next(time.Now())
	r.settle(t.Context(), c)
	told(t, r, "last", false, "it is hidden")
	r.Views = &view{}
	work(t, r, time.Now())
	told(t, r, "last", true, "it was sent again")
}

// What was out of order when a process died is put in order by the next one, however long that one waits for its engine.
func TestWhatIsOutOfOrderOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	r, shut := open(t, dir, time.Now)
	close(r.ready)
	reverse(t, r, "movies", 1)
	shut()
	r, _ = open(t, dir, func() time.Time { return time.Now().Add(time.Hour) })
	if err := r.Journal.Expire(); err != nil {
		t.Fatal(err)
	}
	if err := r.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, _, ok := r.next(time.Now())
	if !ok {
		t.Fatal("nobody knows of it any more")
	}
	r.done(c)
	if err := r.Journal.Expire(); err != nil || len(r.Journal.Legs()) > 0 {
		t.Errorf("legs are kept for ever: %d, %v", len(r.Journal.Legs()), err)
	}
}

// What was sent again is sent once more when the engine failed to carry it out, and nobody hears of the end of a late write before.
func TestWhatIsSentAgainInVainIsSentOnceMore(t *testing.T) {
	r, e := newNode(t)
	now := hlc.At(time.Now())
	begin(t, r, "movies", "newer", now+2, guard.Update).enqueue(t, 1)
	begin(t, r, "movies", "late", now+1, guard.Update).enqueue(t, 2)
	work(t, r, time.Now())
	e.end(0, "failed")
	told(t, r, "late", false, "the engine does not have it")
	work(t, r, time.Now())
	if after, ok := r.Ended(t.Context(), "late", 2); !ok || e.writes() != 2 || after != e.name(1) {
		t.Fatalf("sent %d times, waits for %q, %v", e.writes(), after, ok)
	}
}

// What fails each time that it is sent again is given up, and the copies count as ones that missed it.
func TestWhatAlwaysFailsIsGivenUp(t *testing.T) {
	r, e := newNode(t)
	var lost []int
	r.Lost = func(_ context.Context, _ string, shards []int, _ hlc.Stamp, _ string) { lost = append(lost, shards...) }
	reverse(t, r, "movies", 1)
	for n := range 3 {
		work(t, r, time.Now())
		if n < 2 {
			e.end(n, "failed")
		}
		if err := r.Hear(t.Context(), "movies"); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.writes(); n != 2 || len(lost) != 1 || len(r.retried) > 0 {
		t.Errorf("sent %d times, lost %v, %v", n, lost, r.retried)
	}
	told(t, r, "movies-newer", true, "the copy is marked")
}

// A late write that a newer one had made void goes to the engine when that one fails, also where the process dies in between.
func TestALateWriteOutlivesANewerOneThatFails(t *testing.T) {
	for _, kind := range []guard.Kind{guard.Replace, guard.Update} {
		for _, dies := range []bool{false, true} {
			dir := t.TempDir()
			r, shut := open(t, dir, time.Now)
			close(r.ready)
			e := attach(t, r)
			now := hlc.At(time.Now())
			newer := begin(t, r, "movies", "newer", now+2, kind)
			newer.enqueue(t, 1)
			begin(t, r, "movies", "late", now+1, guard.Update).enqueue(t, 2)
			if kind == guard.Replace {
				work(t, r, time.Now())
				if n := e.writes(); n != 0 {
					t.Fatalf("%d writes for nothing", n)
				}
			}
			place := newer.parts[0].Place()
			failed, _ := r.Journal.Leg(place)
			if _, err := r.takeBack(t.Context(), failed); err != nil {
				t.Fatal(err)
			}
			if dies {
				shut()
				r, _ = open(t, dir, time.Now)
				e = attach(t, r)
				if err := r.recover(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else {
				r.undo([]failure{{failed, false}})
			}
			work(t, r, time.Now())
			if n := e.writes(); n != 1 {
				t.Errorf("under %d, dies %v: %d writes", kind, dies, n)
			}
		}
	}
}
