package ensure

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
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

// From before a change of settings is sent until it is known to be carried out, answers say so, and so does the store.
func TestF5AChangeOnItsWayIsTold(t *testing.T) {
	const one, two = `{"x":1}`, `{"x":2}`
	s := newScene(t)
	s.place()
	s.shows = one
	k := s.keeper()
	ix := s.commit(1, hashOf(t, one))
	report := func(want bool, shown string) {
		t.Helper()
		done, err := k.report(t.Context(), k.state("x--1"), ix)
		if got := k.Shown("x--1"); err != nil || done != want || got != shown {
			t.Errorf("done %v, shown %q, want %q (%v)", done, got, shown, err)
		}
	}
	tag := func(raw string) string { return nodeapi.SettingsTag(hashOf(t, raw)) }
	if got := k.Shown("x--1"); got != "" {
		t.Errorf("not looked at yet: %q", got)
	}
	report(true, tag(one))
	s.told = nil
	sent := k.Change(t.Context(), "x--1")
	if len(s.told) != 1 || s.told[0].Hash != nodeapi.SettingsChanging || s.told[0].Version != 1 {
		t.Errorf("told before it was sent: %+v", s.told)
	}
	report(false, nodeapi.SettingsChanging) // it may not be in the queue yet
	sent()
	s.queued = true
	report(false, nodeapi.SettingsChanging)
	s.queued, s.shows = false, two
	report(true, tag(two))
	if last := s.told[len(s.told)-1]; last.Hash != hashOf(t, two) || last.Version != 1 {
		t.Errorf("told: %+v", last)
	}
	sent = k.Change(t.Context(), "x--1") // refused by the engine
	sent()
	report(true, tag(two))
	if last := s.told[len(s.told)-1]; last.Hash != hashOf(t, two) {
		t.Errorf("told: %+v", last)
	}
}

// A5.5: settings that were changed behind the sidecar are brought back, once, unless somebody is just changing them or the
// store is ahead of the view.
func TestA55DriftIsMended(t *testing.T) {
	const one, two = `{"stopWords":["a"]}`, `{"stopWords":["b"]}`
	s := newScene(t)
	s.place()
	s.shows = two
	s.put("settings/x--1", fmt.Sprintf(`{"v":1,"version":1,"client_view":%s,"engine_hash":%q}`, one, hashOf(t, one)))
	s.show()
	ix := s.view.Indexes["x"]
	if !ix.Astray["a"] && len(ix.Astray) != 0 {
		t.Error(ix.Astray)
	}
	k := s.keeper()
	st := k.state("x--1")
	st.set(1, 0, false)
	look := func(what string, want bool, version uint64) {
		t.Helper()
		st.set(1, 0, false)
		st.stale = true
		done, err := k.report(t.Context(), st, ix)
		if err != nil || done != want || st.version != version {
			t.Errorf("%s: done %v, version %d (%v)", what, done, st.version, err)
		}
	}
	const compare = ^uint64(0)
	s.committed, s.underway = routing.SettingsRecord{Version: 1}, true
	look("somebody changes them", true, 1)
	s.committed, s.underway = routing.SettingsRecord{Version: 2}, false
	look("the store is ahead", true, 1)
	s.committed = routing.SettingsRecord{Version: 1}
	look("drift", false, compare)
	if err := k.establish(t.Context(), st, ix); err != nil || !slices.Contains(s.events, "PATCH") || st.version != 1 {
		t.Errorf("%v %v", s.events, err)
	}
	look("what can not be mended is left alone", true, 1)
	s.shows = one
	look("mended", true, 1)
	s.shows = two
	look("drift again", false, compare)
}

// ET-6: what an engine shows masked is sent again to a node that may lack it, and to no other.
func TestET6KeysAreSentToNodesThatMayLackThem(t *testing.T) {
	s := newScene(t)
	s.place()
	k := s.keeper()
	for what, c := range map[string]struct {
		last  uint64
		nodes string
		want  bool
	}{
		"carried the change out":          {4, `["a","b"]`, false},
		"was in step already":             {5, `[]`, false},
		"was away":                        {4, `["b"]`, true},
		"was away before":                 {3, `["a"]`, true},
		"began anew":                      {0, `["a"]`, true},
		"settings without anybody's word": {4, `[]`, true},
	} {
		s.put("settings/x--1", `{"v":1,"version":5,"client_view":{},"nodes":`+c.nodes+`}`)
		s.put("node_settings/x--1/a", fmt.Sprintf(`{"v":1,"version":%d,"hash":"h"}`, c.last))
		s.show()
		if got := k.unproven(k.state("x--1"), s.view.Indexes["x"]); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
