package ensure

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	store "github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// scene is all that a keeper works with, and notes what it does.
type scene struct {
	t       *testing.T
	builder *routing.Builder
	view    *routing.View
	events  []string
	refuse  error  // of the store
	queued  bool   // the index stands in the engine's queue
	shows   string // the engine's settings; empty: it has no index
	told    []routing.NodeSettingsRecord
	tasks   map[string]string // the engine's, by number; "" lists the newest
	latest  journal.Task      // that the journal knows

	committed routing.SettingsRecord // in the store, which may be ahead of the view
	underway  bool                   // somebody changes the settings
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, builder: routing.NewBuilder()}
	s.show()
	return s
}

func (s *scene) put(key, value string) {
	if err := s.builder.Put(key, []byte(value), 1); err != nil {
		s.t.Error(err)
	}
}

func (s *scene) show() { s.view = s.builder.View() }

// place puts an index with copies on a and b into the view.
func (s *scene) place() *routing.Index {
	s.put("indexes/x", `{"v":1,"uid":"x","physical":"x--1","shards":1}`)
	s.put("placement/x--1", `{"v":1,"physical":"x--1","shards":1,"groups":{"0":[[{"node":"a","state":"active"},{"node":"b","state":"active"}]]}}`)
	s.show()
	return s.view.Indexes["x"]
}

func (s *scene) View() *routing.View                                 { return s.view }
func (s *scene) Healthy() (time.Time, bool)                          { return time.Time{}, true }
func (s *scene) Subscribe() (changed <-chan struct{}, cancel func()) { return nil, func() {} }
func (s *scene) Wait(_ context.Context, cond func(*routing.View) bool) (*routing.View, error) {
	if !cond(s.view) {
		s.put("dirty/x--1/0/a", `{"v":1,"whole":true}`)
		s.show()
	}
	if !cond(s.view) {
		return nil, context.DeadlineExceeded
	}
	s.events = append(s.events, "seen")
	return s.view, nil
}

func (s *scene) MarkBy(_ context.Context, _ string, miss store.Miss, judge func(store.MarkFunc) store.Marking) error {
	m := judge(func(int, string) (routing.DirtyRecord, bool) { return routing.DirtyRecord{}, false })
	if !miss.Whole || !miss.Placed || !slices.Equal(m.Nodes["a"], []int{0}) || m.Keep[0] != "b" {
		s.t.Errorf("%+v %+v", miss, m)
	}
	s.events = append(s.events, "mark")
	return s.refuse
}

func (s *scene) PutNodeSettings(_ context.Context, physical, node string, rec routing.NodeSettingsRecord) error {
	if physical != "x--1" || node != "a" || rec.UpdatedAt.IsZero() {
		s.t.Errorf("settings of %s on %s at %s", physical, node, rec.UpdatedAt)
	}
	rec.UpdatedAt = time.Time{}
	s.told = append(s.told, rec)
	return s.refuse
}

func (s *scene) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/indexes/x--1" && s.tasks != nil:
		_, _ = w.Write([]byte(`{"uid":"x--1","primaryKey":"id","createdAt":"2026-11-25T10:00:00Z"}`))
	case r.Method == http.MethodGet && r.URL.Path == "/tasks" && s.tasks != nil:
		_, _ = w.Write([]byte(`{"results":[` + s.tasks[""] + `],"total":1}`))
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/tasks/") && s.tasks[r.URL.Path[7:]] != "":
		_, _ = w.Write([]byte(s.tasks[r.URL.Path[7:]]))
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/tasks/") && s.tasks != nil:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":"task_not_found"}`))
	case r.Method == http.MethodGet && r.URL.Path == "/tasks" && s.queued:
		_, _ = w.Write([]byte(`{"results":[{"uid":1}],"total":1}`))
	case r.Method == http.MethodGet && r.URL.Path == "/tasks":
		_, _ = w.Write([]byte(`{"results":[],"total":0}`))
	case r.Method == http.MethodGet && r.URL.Path == "/indexes/x--1/settings" && s.shows != "":
		_, _ = w.Write([]byte(s.shows))
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":"index_not_found"}`))
	default:
		s.events = append(s.events, r.Method)
		_, _ = w.Write([]byte(`{"taskUid":1}`))
	}
}

func (s *scene) CommittedSettings(context.Context, string) (routing.SettingsRecord, bool, error) {
	return s.committed, s.underway, nil
}

// keeper starts as a process does.
func (s *scene) keeper() *Keeper {
	door := httptest.NewServer(s)
	s.t.Cleanup(door.Close)
	e, err := engine.New(door.URL, "")
	if err != nil {
		s.t.Fatal(err)
	}
	box, err := seal.New("seal key of the tests")
	if err != nil {
		s.t.Fatal(err)
	}
	return New(Config{
		Seal: box, Node: "a", Engine: e, Views: s, Store: s, Book: holding.NewBook("a"), Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry()),
		Lose: func(context.Context, string) error {
			s.events = append(s.events, "forget")
			return nil
		},
		Prune:  func(func(string) bool) error { return nil },
		Latest: func(string) (journal.Task, bool) { return s.latest, s.latest != journal.Task{} },
	})
}

func (s *scene) happened(what string, want ...string) {
	s.t.Helper()
	if !slices.Equal(s.events, want) {
		s.t.Errorf("%s: %v, want %v", what, s.events, want)
	}
	s.events = nil
}

// A lost index is marked before it is created, wherever the process ended before; a new one is only created (WQ-6).
func TestWQ6MarkedBeforeCreated(t *testing.T) {
	s := newScene(t)
	k := s.keeper()
	ix := s.place()
	if err := k.Ensure(t.Context(), ix); err != nil {
		t.Fatal(err)
	}
	s.happened("new", http.MethodPost, http.MethodPatch)
	k.Forget("x--1") // a read did not find it
	if err := k.Ensure(t.Context(), ix); err != nil {
		t.Fatal(err)
	}
	s.happened("lost under way", "mark", "seen", "forget", http.MethodPost, http.MethodPatch)

	k = s.keeper()
	s.refuse = errors.New("the store is away")
	if err := k.Ensure(t.Context(), ix); !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
	s.happened("not marked", "mark")
	s.refuse = store.ErrNotFound
	if err := k.Ensure(t.Context(), ix); !errors.Is(err, ErrNotPlaced) {
		t.Error(err)
	}
	s.happened("deleted meanwhile", "mark")
	s.refuse = nil
	if err := k.Ensure(t.Context(), ix); err != nil {
		t.Error(err)
	}
	s.happened("lost before the start", "mark", "seen", "forget", http.MethodPost, http.MethodPatch)

	k, s.queued = s.keeper(), true
	if err := k.Ensure(t.Context(), ix); err != nil {
		t.Error(err)
	}
	s.happened("created by an earlier process", http.MethodPost, http.MethodPatch)
}

// An engine that still has the index, at an older state, is found by its tasks: the newest one that it made of a write is not
// there, or is another one. Deleted tasks say nothing (WQ-6).
func TestWQ6OlderState(t *testing.T) {
	const ours, other = `{"uid":9,"indexUid":"x--1","customMetadata":"w-9"}`, `{"uid":9,"indexUid":"x--1","customMetadata":"w-1"}`
	for name, c := range map[string]struct {
		latest journal.Task
		tasks  map[string]string
		older  bool
	}{
		"nothing written yet":       {journal.Task{}, map[string]string{"": ours}, false},
		"the task is there":         {journal.Task{UID: 9, Write: "w-9"}, map[string]string{"9": ours, "": ours}, false},
		"another one":               {journal.Task{UID: 9, Write: "w-9"}, map[string]string{"9": other, "": other}, true},
		"of another index":          {journal.Task{UID: 9, Write: "w-9"}, map[string]string{"9": `{"uid":9,"indexUid":"y--1"}`}, true},
		"an engine without names":   {journal.Task{UID: 9, Write: "w-9"}, map[string]string{"9": `{"uid":9,"indexUid":"x--1"}`}, false},
		"fewer tasks":               {journal.Task{UID: 9, Write: "w-9"}, map[string]string{"": `{"uid":7}`}, true},
		"no tasks":                  {journal.Task{UID: 9, Write: "w-9"}, map[string]string{}, true},
		"it was deleted from there": {journal.Task{UID: 9, Write: "w-9"}, map[string]string{"": `{"uid":12}`}, false},
	} {
		s := newScene(t)
		s.latest, s.tasks, s.shows = c.latest, c.tasks, `{}`
		k := s.keeper()
		if err := k.Ensure(t.Context(), s.place()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if found := slices.Contains(s.events, "mark"); found != c.older || c.older && !slices.Equal(s.events[:3], []string{"mark", "seen", "forget"}) {
			t.Errorf("%s: %v", name, s.events)
		}
	}
}
