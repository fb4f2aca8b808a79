//go:build dataplane

package sidecar

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	meilisearch "github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// total is how many documents the engine has.
func (b *bench) total(physical string) float64 {
	n, _ := b.direct("POST", "/indexes/"+physical+"/documents/fetch", map[string]any{"limit": 0}).field("total").(float64)
	return n
}

// tasksOf counts the engine's tasks of a type for an index.
func (b *bench) tasksOf(physical, kind string) float64 {
	n, _ := b.direct("GET", "/tasks?indexUids="+physical+"&types="+kind, nil).field("total").(float64)
	return n
}

// The same dispatch sent many times, at once and again, is one engine task; also after the sidecar restarted (WQ-9).
func TestWQ9OneTaskPerDispatch(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	leg := nodeapi.Leg{Shards: all(4), Count: 4, PrimaryKey: "id", Dispatch: "77"}
	send := func() answer {
		return b.leg("POST", "/indexes/"+ix+"/documents", documents(4, `{"id":1}`, `{"id":2}`), leg)
	}
	var wg sync.WaitGroup
	uids := make([]any, 8)
	for i := range uids {
		wg.Go(func() {
			if a := send(); a.status == http.StatusAccepted {
				uids[i] = a.field("taskUid")
			}
		})
	}
	wg.Wait()
	b.stop()
	b.start()
	after := send()
	for _, uid := range append(uids, after.field("taskUid")) {
		if uid == nil || uid != uids[0] {
			t.Fatalf("tasks %v, after the restart %s", uids, after.body)
		}
	}
	if after.field("indexUid") != "movies" || after.field("type") != "documentAdditionOrUpdate" {
		t.Errorf("told again as %s", after.body)
	}
	b.finished("77")
	if n := b.tasksOf(ix, "documentAdditionOrUpdate"); n != 1 {
		t.Fatalf("%v tasks", n)
	}
	a := b.leg("GET", nodeapi.PathDispatches+"?ids=77,78,77", nil, nodeapi.Leg{})
	if strings.Count(a.body, `"succeeded"`) < 2 || !strings.Contains(a.body, `{"id":"78","state":"unknown"}`) {
		t.Errorf("dispatches: %s", a.body)
	}
}

// Every form of writing documents, each under its dispatch id (RS-3, WQ-9).
func TestWritesOfDocuments(t *testing.T) {
	b := newBench(t)
	const n = 4
	ix := b.index("movies", "id", n)
	leg := func(d string) nodeapi.Leg {
		return nodeapi.Leg{Shards: all(n), Count: n, PrimaryKey: "id", Dispatch: d}
	}
	path := "/indexes/" + ix + "/documents"
	var docs []string
	for i := range 20 {
		docs = append(docs, fmt.Sprintf(`{"id":%d,"a":%d,"b":1}`, i, i))
	}
	b.add(ix, "1", n, docs...)
	step := func(d, method, path string, body any, want float64) {
		t.Helper()
		l := leg(d)
		if a := b.leg(method, path, body, l); a.status != http.StatusAccepted {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		if task := b.finished(d); task["status"] != "succeeded" || task["customMetadata"] != d {
			t.Fatalf("%s %s: %v", method, path, task)
		}
		if got := b.total(ix); got != want {
			t.Fatalf("%s %s: %v documents, want %v", method, path, got, want)
		}
	}
	step("2", "PUT", path, documents(n, `{"id":3,"b":2}`, `{"id":30}`), 21)
	if a := b.leg("GET", path+"/3", nil, leg("")); a.body != `{"id":3,"a":3,"b":2}` {
		t.Errorf("partial update gave %s", a.body)
	}
	step("3", "PUT", path+"?skipCreation=true", documents(n, `{"id":31}`), 21)
	step("4", "DELETE", path+"/30", nil, 20)
	step("5", "POST", path+"/delete-batch", `[0,"1"]`, 18)
	if a := b.leg("PATCH", "/indexes/"+ix+"/settings", `{"filterableAttributes":["_miroir_shard","a"]}`, nodeapi.Leg{Dispatch: "6", Raw: true}); a.status != http.StatusAccepted {
		t.Fatalf("settings: %d %s", a.status, a.body)
	}
	b.finished("6")
	mine := shardmap.ShardOf([]byte("5"), n)
	want := 18.0
	for i := 2; i < 20; i++ {
		if i >= 5 && shardmap.ShardOf(fmt.Append(nil, i), n) == mine {
			want--
		}
	}
	part := nodeapi.Leg{Shards: []int{mine}, Count: n, Dispatch: "7"}
	if a := b.leg("POST", path+"/delete", `{"filter":"a >= 5"}`, part); a.status != http.StatusAccepted {
		t.Fatalf("delete by filter: %s", a.body)
	}
	b.finished("7")
	if got := b.total(ix); got != want {
		t.Errorf("delete by filter of one shard left %v documents, want %v", got, want)
	}
	step("8", "DELETE", path, nil, 0)
}

// What may not reach the engine does not, and leaves no task behind (§3.1, SH-2).
func TestRefusedWrites(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	path := "/indexes/" + ix + "/documents"
	leg := nodeapi.Leg{Shards: all(4), Count: 4, PrimaryKey: "id", Dispatch: "1"}
	wrong := nodeapi.AppendDocument(nil, nodeapi.Line{
		Shard: (shardmap.ShardOf([]byte("1"), 4) + 1) % 4, ID: []byte("1"), Document: []byte(`{"id":1}`),
	})
	for name, c := range map[string]struct {
		body any
		code string
	}{
		"wrong shard": {wrong, nodeapi.CodeWrongShard}, "reserved": {documents(4, `{"id":1,"_miroir_shard":"x"}`), "miroir_reserved_field"},
		"malformed": {[]byte("x\n"), "malformed_payload"}, "plain JSON": {`[{"id":1}]`, "invalid_content_type"},
	} {
		a := b.leg("POST", path, c.body, leg)
		if a.field("code") != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	other := (shardmap.ShardOf([]byte("1"), 4) + 1) % 4
	if a := b.leg("DELETE", path+"/1", nil, nodeapi.Leg{Shards: []int{other}, Count: 4, Dispatch: "2"}); a.field("code") != nodeapi.CodeWrongShard {
		t.Errorf("deletion in another shard: %d %s", a.status, a.body)
	}
	if n := b.tasksOf(ix, "documentAdditionOrUpdate,documentDeletion"); n != 0 {
		t.Errorf("%v tasks reached the engine", n)
	}
	for _, path := range []string{"/keys", "/dumps", "/network", "/logs/stream", "/swap-indexes", "/export"} {
		if a := b.leg("POST", path, `{}`, nodeapi.Leg{}); a.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+b.door+"/indexes", nil)
	req.Header.Set("Authorization", "Bearer "+engineKey)
	if a := b.do(req); a.status != http.StatusUnauthorized {
		t.Errorf("another key: %d %s", a.status, a.body)
	}
}

// A sender with a view from before the placement changed is turned away (NS-5).
func TestStaleEpochIsFenced(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	b.add(ix, "1", 4, `{"id":1}`)
	leg := nodeapi.Leg{Shards: all(4), Count: 4, PrimaryKey: "id", Dispatch: "2", Epoch: 1}
	a := b.leg("POST", "/indexes/"+ix+"/documents", documents(4, `{"id":2}`), leg)
	if a.status != http.StatusConflict || a.field("code") != nodeapi.CodeStaleEpoch {
		t.Fatalf("%d %s", a.status, a.body)
	}
	leg.Epoch = 1 << 40
	if a := b.leg("POST", "/indexes/"+ix+"/documents", documents(4, `{"id":2}`), leg); a.status != http.StatusAccepted {
		t.Fatalf("a newer view: %d %s", a.status, a.body)
	}
}

// The engine's indexes follow the catalog, from any state that a killed process may leave (idempotent repair).
func TestEnsureRepairsWhatItFinds(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	want := func(what string) {
		t.Helper()
		eventually(t, what, func() error {
			s := b.direct("GET", "/indexes/"+ix+"/settings", nil)
			if s.status == http.StatusOK && strings.Contains(s.body, `"_miroir_shard"`) && strings.Contains(s.body, `"maxValuesPerFacet":1000`) {
				return nil
			}
			return fmt.Errorf("%d %s", s.status, s.body)
		})
	}
	// The engine does later what it is asked directly; a sidecar that starts before finds everything in order.
	is := func(what string, status int, text string) {
		t.Helper()
		eventually(t, what, func() error {
			s := b.direct("GET", "/indexes/"+ix+"/settings", nil)
			if s.status == status && strings.Contains(s.body, text) {
				return nil
			}
			return fmt.Errorf("%d %s", s.status, s.body)
		})
	}
	want("overlay of a new index")

	b.stop()
	b.direct("DELETE", "/indexes/"+ix, nil)
	is("engine without the index", http.StatusNotFound, "")
	b.start()
	want("index that the engine lost while the sidecar was down")

	b.stop()
	b.direct("PATCH", "/indexes/"+ix+"/settings", map[string]any{"filterableAttributes": nil, "faceting": nil})
	is("engine with default settings", http.StatusOK, `"filterableAttributes":[]`)
	b.start()
	want("settings that were never sent")

	settings := routing.SettingsRecord{V: 1, Version: 1, ClientView: []byte(`{"filterableAttributes":["a"],"sortableAttributes":["b"]}`)}
	if err := b.store.PutSettings(t.Context(), ix, settings, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "committed settings", func() error {
		s := b.direct("GET", "/indexes/"+ix+"/settings", nil)
		if strings.Contains(s.body, `"filterableAttributes":["_miroir_shard","a"]`) || strings.Contains(s.body, `"filterableAttributes":["a","_miroir_shard"]`) {
			return nil
		}
		return fmt.Errorf("%d %s", s.status, s.body)
	})

	// What the engine shows then stands in etcd, by the hash that a coordinator computes.
	d, err := meilisearch.CanonSettings([]byte(b.direct("GET", "/indexes/"+ix+"/settings", nil).body))
	if err != nil {
		t.Fatal(err)
	}
	watch, err := b.store.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Wait(t.Context(), func(v *routing.View) bool {
		rec := v.Physical[ix].Shown["node-0"]
		return rec.Version == 1 && rec.Hash == d.Hash()
	}); err != nil {
		t.Fatalf("%v: %+v", err, watch.View().Physical[ix].Shown)
	}

	b.direct("DELETE", "/indexes/"+ix, nil)
	eventually(t, "index that the engine lost under way", func() error {
		a := b.leg("POST", "/indexes/"+ix+"/search", `{}`, nodeapi.Leg{Shards: all(4), Count: 4})
		if a.status != http.StatusOK {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
}

// An index that leaves the catalog leaves the engine; names that are not Miroir's stay, and so do strange ones.
func TestEnsureDeletesOrphans(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	b.direct("POST", "/indexes", map[string]string{"uid": "mine"})
	b.direct("POST", "/indexes", map[string]string{"uid": "strange--zz"})
	if ok, err := b.store.DeleteIndex(t.Context(), "movies", ix, nil); err != nil || !ok {
		t.Fatal(ok, err)
	}
	eventually(t, "deletion", func() error {
		if a := b.direct("GET", "/indexes/"+ix, nil); a.status != http.StatusNotFound {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
	// A deletion that comes as a leg finds the task that did it.
	a := b.leg("DELETE", "/indexes/"+ix, nil, nodeapi.Leg{Dispatch: "9"})
	if a.status != http.StatusAccepted || a.field("indexUid") != "movies" || b.tasksOf(ix, "indexDeletion") != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, uid := range []string{"mine", "strange--zz"} {
		if a := b.direct("GET", "/indexes/"+uid, nil); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", uid, a.status, a.body)
		}
	}
}

// The engine dies: the node says so, and takes part again when it is back (NS-2).
func TestNS2EngineDies(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	b.add(ix, "1", 4, `{"id":1}`)
	b.engine.kill()
	healthy := func(want bool) func() error {
		return func() error {
			a := b.leg("GET", nodeapi.PathStatus, nil, nodeapi.Leg{})
			if a.field("engine_ok") != want {
				return fmt.Errorf("%d %s", a.status, a.body)
			}
			return nil
		}
	}
	eventually(t, "engine counts as down", healthy(false))
	if a := b.leg("POST", "/indexes/"+ix+"/search", `{}`, nodeapi.Leg{Shards: all(4), Count: 4}); a.status != http.StatusBadGateway {
		t.Errorf("search without an engine: %d %s", a.status, a.body)
	}
	b.engine.start()
	eventually(t, "engine counts as up", healthy(true))
	b.add(ix, "2", 4, `{"id":2}`)
	if n := b.total(ix); n != 2 {
		t.Errorf("%v documents", n)
	}
}
