package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/internal/tuning"
)

const key = "the admin key of this test"

// fixture is a server over literals.
type fixture struct {
	*Server
	view     *routing.View
	tasks    map[uint32]task.Record
	records  map[string]string
	failure  error
	sick     error
	answered map[string]nodeapi.Dispatch // by address
	passes   passes
}

func (f *fixture) Task(_ context.Context, uid uint32) (task.Record, error) {
	if f.failure != nil {
		return task.Record{}, f.failure
	}
	r, ok := f.tasks[uid]
	if !ok {
		return r, state.ErrNotFound
	}
	return r, nil
}

func (f *fixture) Dispatches(_ context.Context, address string, ids []string) ([]nodeapi.Dispatch, error) {
	d, ok := f.answered[address]
	if !ok {
		return nil, errors.New("connection refused")
	}
	d.ID = ids[0]
	return []nodeapi.Dispatch{d}, nil
}

func (f *fixture) Workflow(_ context.Context, kind, id string) ([]byte, int64, error) {
	value, ok := f.records[kind+"/"+id]
	if !ok {
		return nil, 0, state.ErrNotFound
	}
	return []byte(value), 3, f.failure
}

func (f *fixture) Workflows(_ context.Context, kind string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, value := range f.records {
		if id, ok := strings.CutPrefix(name, kind+"/"); ok {
			out[id] = []byte(value)
		}
	}
	return out, f.failure
}

// noAliases is a store without aliases.
type noAliases struct{}

func (noAliases) Aliases(context.Context) ([]routing.AliasRecord, error) { return nil, nil }

func (noAliases) Alias(context.Context, string) (routing.AliasRecord, int64, error) {
	return routing.AliasRecord{}, 0, state.ErrNotFound
}

// noTuning is a store in which nothing is set, and which takes nothing.
type noTuning struct{}

func (noTuning) Tuning(context.Context) (tuning.Live, error) { return tuning.Default(), nil }

func (noTuning) SetTuning(_ context.Context, patch json.RawMessage) (tuning.Live, error) {
	if _, live, err := tuning.Merge(nil, patch); err != nil {
		return live, err
	}
	return tuning.Live{}, state.ErrUnavailable
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{tasks: map[uint32]task.Record{}, records: map[string]string{}, answered: map[string]nodeapi.Dispatch{}}
	b := routing.NewBuilder()
	for k, v := range map[string]string{
		"config/cluster": `{"v":1,"shards":2}`, "groups/0": `{"v":1,"id":0,"state":"active","rf":1}`,
		"nodes/a":  `{"v":1,"id":"a","address":"http://a:1","replica_group":0,"state":"active","engine_version":"1.50.0"}`,
		"nodes/b":  `{"v":1,"id":"b","address":"http://b:1","replica_group":0,"state":"active"}`,
		"nodes/z":  `{"v":1,"id":"z","address":"http://z:1","replica_group":0,"state":"removed"}`,
		"health/a": `{"v":1,"ok":true}`, "health/b": `{"v":1,"ok":true}`, "indexes/x": `{"v":1,"uid":"x","physical":"x--0","shards":2}`,
		"placement/x--0": `{"v":1,"physical":"x--0","shards":2,"groups":{"0":[[{"node":"a","state":"active"}],[{"node":"b","state":"active"}]]}}`,
	} {
		if err := b.Put(k, []byte(v), 12); err != nil {
			t.Fatal(err)
		}
	}
	f.view = b.View()
	registry := prometheus.NewRegistry()
	sightings := view.NewSightings(time.Now)
	sightings.Observe(f.view)
	f.Server = New(Config{
		Key: key, Snapshot: func() view.Snapshot { return view.Snapshot{Routing: f.view} }, Sightings: sightings, Tasks: f, Nodes: f,
		Workflows: f, Kinds: []string{"settings"}, Healthy: func() error { return f.sick }, Gatherer: registry, Log: zerolog.Nop(),
		Metrics: NewMetrics(registry), Now: time.Now, TaskList: f, Enqueuer: f, AliasList: noAliases{}, Tuning: noTuning{},
		Effective: func() any { return map[string]string{"id": "coordinator-0"} }, Passes: &f.passes, Activity: &diary{},
	})
	return f
}

func (f *fixture) send(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// HD-3, LO-2: every answer names its request, by the name that it came with if it has one.
func TestLO2AnswersNameTheirRequest(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/_miroir/nodes", "/_miroir/ready", "/nothing"} {
		if id := f.send(http.MethodGet, path, telemetry.HeaderRequest, "7f00ab12").Header().Get(telemetry.HeaderRequest); id != "7f00ab12" {
			t.Errorf("%s: %q", path, id)
		}
		for _, given := range []string{"", "a b"} {
			if id := f.send(http.MethodGet, path, telemetry.HeaderRequest, given).Header().Get(telemetry.HeaderRequest); len(id) != 8 || !telemetry.IsRequest(id) {
				t.Errorf("%s with %q: %q", path, given, id)
			}
		}
	}
}

// get asks as an administrator and reads the answer into v.
func (f *fixture) get(t *testing.T, path string, status int, v any) {
	t.Helper()
	w := f.send(http.MethodGet, path, "Authorization", "Bearer "+key)
	if w.Code != status {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, w.Body)
	}
}

func code(w *httptest.ResponseRecorder) apierr.Code {
	var e apierr.Error
	_ = json.Unmarshal(w.Body.Bytes(), &e)
	return e.Code
}

// AU-4, AU-5: every route that is not exempt needs the key, in either form; an X-Admin-Key decides alone.
func TestAU5EveryRouteHasItsRule(t *testing.T) {
	f := newFixture(t)
	exempted := map[string]bool{"/_miroir/ready": true, "/_miroir/metrics": true}
	paths := []string{"/_miroir", "/_miroir/", "/_miroir/shards", "/_miroir/rebalance", "/ui/search/x", "/", "/indexes"}
	for _, rt := range routes() {
		if _, path, ok := strings.Cut(rt.pattern, " "); ok {
			paths = append(paths, strings.NewReplacer("{id}", "a", "{uid}", "1", "{name}", "x").Replace(path))
		}
	}
	for _, path := range paths {
		for name, c := range map[string]struct {
			header []string
			pass   bool
		}{
			"nothing":             {nil, false},
			"bearer":              {[]string{"Authorization", "Bearer " + key}, true},
			"lower-case scheme":   {[]string{"Authorization", "bearer " + key}, true},
			"admin key":           {[]string{"X-Admin-Key", key}, true},
			"wrong bearer":        {[]string{"Authorization", "Bearer " + key + "x"}, false},
			"empty bearer":        {[]string{"Authorization", "Bearer "}, false},
			"basic":               {[]string{"Authorization", "Basic " + key}, false},
			"wrong key, bearer":   {[]string{"X-Admin-Key", "no", "Authorization", "Bearer " + key}, false},
			"empty key, bearer":   {[]string{"X-Admin-Key", "", "Authorization", "Bearer " + key}, false},
			"right key, no scope": {[]string{"X-Admin-Key", key, "Authorization", "Bearer no"}, true},
		} {
			w := f.send(http.MethodGet, path, c.header...)
			denied := w.Code == http.StatusUnauthorized
			if denied == (c.pass || exempted[path]) {
				t.Errorf("%s with %s: %d", path, name, w.Code)
			}
			if denied && code(w) != apierr.MiroirInvalidAuth {
				t.Errorf("%s with %s: %s", path, name, w.Body)
			}
			if strings.Contains(w.Body.String(), key) {
				t.Errorf("%s with %s: the answer holds the key", path, name)
			}
		}
	}
}

func TestWhatIsNotServed(t *testing.T) {
	f := newFixture(t)
	for path, want := range map[string]apierr.Code{
		"GET /_miroir":                   apierr.MiroirNotImplemented,
		"GET /_miroir/shards":            apierr.MiroirNotImplemented,
		"POST /_miroir/rebalance":        apierr.MiroirNotImplemented,
		"POST /_miroir/ready":            apierr.MiroirNotImplemented,
		"GET /ui/search/x":               apierr.MiroirNotImplemented,
		"GET /_miroirs":                  apierr.MiroirNotFound,
		"GET /indexes":                   apierr.MiroirNotFound,
		"GET /_miroir/nodes/nobody":      apierr.MiroirNotFound,
		"GET /_miroir/tasks/99":          apierr.MiroirNotFound,
		"GET /_miroir/tasks/x":           apierr.MiroirNotFound,
		"GET /_miroir/tasks/-1":          apierr.MiroirNotFound,
		"GET /_miroir/tasks/5000000000":  apierr.MiroirNotFound,
		"GET /_miroir/workflows/x":       apierr.MiroirNotFound,
		"GET /_miroir/workflows/a.b":     apierr.MiroirNotFound,
		"GET /_miroir/workflows?limit=0": apierr.BadRequest,
		"GET /_miroir/workflows?limit=x": apierr.BadRequest,
	} {
		method, path, _ := strings.Cut(path, " ")
		w := f.send(method, path, "X-Admin-Key", key)
		e := apierr.New(want, "")
		if code(w) != want || w.Code != e.Status || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s, want %s", method, path, w.Code, w.Body, want)
		}
	}
}

func TestTopology(t *testing.T) {
	f := newFixture(t)
	n := f.view.Nodes["b"]
	n.Alive, n.OK = false, false
	f.view.Nodes["b"] = n
	var got topologyView
	f.get(t, "/_miroir/topology", http.StatusOK, &got)
	if got.Shards != 2 || got.Replicas != 1 || got.Groups != 1 || got.Revision != 12 || got.Degraded != 1 || got.FullyCovered {
		t.Errorf("%+v", got)
	}
	if len(got.Nodes) != 2 || got.Nodes[0].ID != "a" || got.Nodes[0].Status != "active" || got.Nodes[0].Shards != 1 ||
		got.Nodes[1].Status != view.StatusFailed || got.Nodes[1].Error == "" || got.Nodes[1].LastSeenMS == nil {
		t.Errorf("nodes %+v", got.Nodes)
	}
	if len(got.UncoveredParts) != 1 || got.UncoveredParts[0].Index != "x" || len(got.Indexes) != 1 {
		t.Errorf("%+v", got)
	}
	var list struct{ Results []nodeView }
	f.get(t, "/_miroir/nodes", http.StatusOK, &list)
	if len(list.Results) != 2 {
		t.Errorf("%+v", list)
	}
	var one nodeView
	f.get(t, "/_miroir/nodes/a", http.StatusOK, &one)
	if one.EngineVersion != "1.50.0" {
		t.Errorf("%+v", one)
	}
	var problems struct{ Results []map[string]any }
	f.get(t, "/_miroir/problems", http.StatusOK, &problems)
	if len(problems.Results) == 0 {
		t.Error("a dead node is no problem")
	}
}

func TestReady(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fixture)
		status int
		word   string
	}{
		"all is well":   {func(*fixture) {}, 200, "ready"},
		"no store":      {func(f *fixture) { f.sick = errors.New("state unavailable") }, 503, "state_unavailable"},
		"no cluster":    {func(f *fixture) { f.view = &routing.View{} }, 503, "forming"},
		"too few nodes": {func(f *fixture) { f.view.Groups[0].RF = 3 }, 503, "forming"},
		"a shard is nowhere": {func(f *fixture) {
			n := f.view.Nodes["b"]
			n.OK = false
			f.view.Nodes["b"] = n
		}, 503, "uncovered"},
	} {
		f := newFixture(t)
		c.change(f)
		w := f.send(http.MethodGet, "/_miroir/ready", "Authorization", "Bearer broken")
		if w.Code != c.status || strings.TrimSpace(w.Body.String()) != c.word {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
	}
}

func TestTaskShowsItsParts(t *testing.T) {
	f := newFixture(t)
	n := f.view.Nodes["b"]
	n.Alive = false
	f.view.Nodes["b"] = n
	f.tasks[12] = task.Record{V: 1, UID: 12, Type: task.DocumentAddition, Status: task.Enqueued, Op: json.RawMessage(`{"secret":1}`),
		Targets: []task.Target{{Node: "a", Shards: "0"}, {Node: "b"}, {Node: "c", Missed: true}}}
	f.answered["http://a:1"] = nodeapi.Dispatch{State: task.Failed, Task: json.RawMessage(`{"uid":40,"error":{"code":"index_not_found"}}`)}
	for _, name := range []string{"12", "mtask-00012"} {
		var got struct {
			UID   uint32          `json:"uid"`
			Op    json.RawMessage `json:"op"`
			Parts []part          `json:"parts"`
		}
		f.get(t, "/_miroir/tasks/"+name, http.StatusOK, &got)
		if got.UID != 12 || len(got.Parts) != 3 || got.Op != nil {
			t.Fatalf("%+v", got)
		}
		p := got.Parts
		if p[0].State != task.Failed || *p[0].TaskUID != 40 || p[0].Error.Code != apierr.IndexNotFound || p[1].State != partLost || p[2].State != partMissed {
			t.Errorf("%+v", p)
		}
	}
	delete(f.answered, "http://a:1")
	var got struct{ Parts []part }
	f.get(t, "/_miroir/tasks/12", http.StatusOK, &got)
	if got.Parts[0].State != partUnreachable {
		t.Errorf("%+v", got.Parts[0])
	}
	f.failure = state.ErrUnavailable
	if w := f.send(http.MethodGet, "/_miroir/tasks/12", "X-Admin-Key", key); code(w) != apierr.MiroirStateUnavailable || w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// AD-3: lists have a limit and a cursor.
func TestAD3WorkflowsArePaged(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.records[fmt.Sprintf("settings/x--%d", i)] = fmt.Sprintf(`{"v":1,"kind":"settings","id":"x--%d","state":"running","phase":"verify","progress":{"n":1}}`, i)
	}
	var ids []string
	cursor := ""
	for range 3 {
		var got struct {
			Results []map[string]any
			Cursor  string
		}
		f.get(t, "/_miroir/workflows?limit=2&cursor="+cursor, http.StatusOK, &got)
		for _, r := range got.Results {
			ids = append(ids, fmt.Sprint(r["workflow_id"]))
			if r["progress"] != nil {
				t.Error("a list shows progress")
			}
		}
		cursor = got.Cursor
	}
	if cursor != "" || strings.Join(ids, " ") != "settings.x--0 settings.x--1 settings.x--2 settings.x--3 settings.x--4" {
		t.Errorf("%v, cursor %q", ids, cursor)
	}
	var one map[string]any
	f.get(t, "/_miroir/workflows/settings.x--3", http.StatusOK, &one)
	if one["phase"] != "verify" || one["progress"] == nil {
		t.Errorf("%v", one)
	}
}

func TestMetricsOfTheProcess(t *testing.T) {
	f := newFixture(t)
	f.send(http.MethodGet, "/_miroir/topology")
	w := f.send("BREW", "/_miroir/topology")
	if w.Code != http.StatusUnauthorized {
		t.Errorf("an unknown method: %d", w.Code)
	}
	w = f.send(http.MethodGet, "/_miroir/metrics")
	for _, want := range []string{
		`miroir_auth_failures_total{kind="missing"} 2`, `miroir_admin_request_duration_seconds_count{method="other",path_template="other",status="401"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}
