package journal

import (
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// The newest task of an index is known after a restart, whatever left the window; of an index that is gone, or was lost,
// nothing is known any more.
func TestNewestTask(t *testing.T) {
	w, dir := &wall{noon}, t.TempDir()
	j := open(t, dir, w)
	s := hlc.At(noon)
	put(t, j, Leg{Index: "a--1", Write: "late", Stamp: s + 5, Kind: guard.Replace}, 12, "x")
	put(t, j, Leg{Index: "a--1", Write: "early", Stamp: s + 6, Kind: guard.Update}, 10, "x")
	put(t, j, Leg{Index: "b--1", Write: "other", Stamp: s + 7, Kind: guard.Delete}, 40, "y")
	put(t, j, Leg{Index: "c--1", Write: "third", Stamp: s + 8, Kind: guard.Replace}, 41, "y")
	check := func(what string, want map[string]Task) {
		t.Helper()
		for _, index := range []string{"a--1", "b--1", "c--1", "d--1"} {
			if got, ok := j.Latest(index); got != want[index] || ok != (want[index] != Task{}) {
				t.Errorf("%s: %s is at %+v", what, index, got)
			}
		}
	}
	all := map[string]Task{"a--1": {12, "late"}, "b--1": {40, "other"}, "c--1": {41, "third"}}
	check("at once", all)
	w.t = w.t.Add(j.Window * 2)
	if err := j.Expire(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, w)
	defer func() { _ = j.Close() }()
	check("after a restart", all)
	if got := j.Indexes(); !slices.Equal(got, []string{"a--1", "b--1", "c--1"}) {
		t.Errorf("%v", got)
	}
	if err := j.Forget("a--1"); err != nil {
		t.Fatal(err)
	}
	if err := j.Lose("b--1"); err != nil {
		t.Fatal(err)
	}
	check("forgotten and lost", map[string]Task{"c--1": {41, "third"}})
	if got := j.Indexes(); !slices.Equal(got, []string{"b--1", "c--1"}) {
		t.Errorf("%v", got)
	}
	if _, ok, err := j.Newest("a--1", 1, []byte("x")); ok || err != nil {
		t.Errorf("something is left of an index that is gone: %v", err)
	}
	put(t, j, Leg{Index: "b--1", Write: "again", Stamp: hlc.At(w.t) + 5, Kind: guard.Replace}, 3, "y")
	check("numbers begin anew", map[string]Task{"b--1": {3, "again"}, "c--1": {41, "third"}})
}

// The newest operation that names no document is known, after a restart too while it is in the window, and lies below the floor.
func TestNewestWideOperation(t *testing.T) {
	w, dir := &wall{noon}, t.TempDir()
	j := open(t, dir, w)
	s := hlc.At(noon)
	put(t, j, Leg{Index: "a--1", Write: "1", Stamp: s + 5, Kind: guard.Replace}, 1, "x")
	if got := j.Wide("a--1"); got != (guard.Wide{}) {
		t.Errorf("a write of documents names none: %v", got)
	}
	put(t, j, Leg{Index: "a--1", Write: "2", Stamp: s + 9, Kind: guard.Select}, 2)
	for range 2 {
		if got := j.Wide("a--1"); got != (guard.Wide{Stamp: s + 9, Task: 2}) || j.Floor("a--1") < got.Stamp || j.Wide("b--1") != (guard.Wide{}) {
			t.Errorf("%v, floor %d", got, j.Floor("a--1"))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, dir, w)
	}
	defer func() { _ = j.Close() }()
	if err := j.Lose("a--1"); err != nil || j.Wide("a--1") != (guard.Wide{}) {
		t.Errorf("a lost index remembers: %v", err)
	}
}
