package ensure

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	store "github.com/miroir-search/miroir/internal/state"
)

func hashOf(t *testing.T, raw string) string {
	t.Helper()
	d, err := meili.CanonSettings([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return d.Hash()
}

// commit makes settings the committed ones of the index.
func (s *scene) commit(version uint64, hash string) *routing.Index {
	s.put("settings/x--1", fmt.Sprintf(`{"v":1,"version":%d,"client_view":{},"engine_hash":%q}`, version, hash))
	s.show()
	return s.view.Indexes["x"]
}

// A sidecar reports the settings of its engine once for every committed version, says so when they are others, and keeps
// the version that it saw last.
func TestF5SettingsOfANodeAreReported(t *testing.T) {
	const one, two = `{"stopWords":["b","a"],"x":1}`, `{"stopWords":["c"],"x":1}`
	s := newScene(t)
	s.place()
	k := s.keeper()
	look := func(what string, ix *routing.Index, want ...routing.NodeSettingsRecord) {
		t.Helper()
		done, err := k.report(t.Context(), k.state("x--1"), ix)
		if err != nil || !done {
			t.Errorf("%s: %v, %v", what, done, err)
		}
		if len(s.told) != len(want) || len(want) == 1 && s.told[0] != want[0] {
			t.Errorf("%s: told %v, want %v", what, s.told, want)
		}
		s.told = nil
	}
	rec := func(version uint64, shows string) routing.NodeSettingsRecord {
		return routing.NodeSettingsRecord{V: 1, Version: version, Hash: hashOf(t, shows)}
	}

	s.shows = one
	look("nothing committed yet", s.view.Indexes["x"], rec(0, one))
	look("nothing new", s.view.Indexes["x"])
	first := s.commit(1, hashOf(t, `{"x":1,"stopWords":["a","b","a"]}`))
	look("committed", first, rec(1, one))
	s.shows = two
	look("changed behind the sidecar, not looked at yet", first)
	k.Drift = time.Nanosecond
	look("changed behind the sidecar", first, rec(1, two))
	look("told already", first)
	second := s.commit(2, hashOf(t, two))
	look("committed as it is shown", second, rec(2, two))

	// The next process goes by what its predecessor wrote down.
	s.put("node_settings/x--1/a", fmt.Sprintf(`{"v":1,"version":2,"hash":%q}`, hashOf(t, two)))
	s.show()
	k = s.keeper()
	look("told by the process before", s.view.Indexes["x"])
	s.shows = one
	k = s.keeper()
	look("changed while no process ran", s.view.Indexes["x"], rec(2, one))
}

// What could not be written down is tried again; an index that was deleted meanwhile is none of that.
func TestF5ReportsAreRepeatedUntilWritten(t *testing.T) {
	s := newScene(t)
	ix := s.place()
	s.shows = `{}`
	k := s.keeper()
	s.refuse = store.ErrUnavailable
	if done, err := k.report(t.Context(), k.state("x--1"), ix); done || !errors.Is(err, store.ErrUnavailable) {
		t.Error(done, err)
	}
	s.refuse = store.ErrNotFound
	if done, err := k.report(t.Context(), k.state("x--1"), ix); !done || err != nil {
		t.Error(done, err)
	}
	s.refuse = nil
	if done, err := k.report(t.Context(), k.state("x--1"), ix); !done || err != nil || len(s.told) != 3 {
		t.Error(done, err, s.told)
	}
	k.state("x--1").set(0, 7, true)
	if done, err := k.report(t.Context(), k.state("x--1"), ix); done || err != nil {
		t.Error("a change on its way was reported", done, err)
	}
}
