package replica

import (
	"net/http"
	"testing"
	"time"
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
