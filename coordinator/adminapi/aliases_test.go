package adminapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/coordinator/aliases"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/testkit/etcd"
)

// aliasFixture is an admin API whose aliases are in a real store. The indexes a and b have the primary key id, other has
// another one.
type aliasFixture struct {
	*fixture
	store *state.Client
}

func newAliasFixture(t *testing.T) *aliasFixture {
	t.Helper()
	store := etcd.Connect(t, etcd.Start(t))
	for uid, pk := range map[string]string{"a": "id", "b": "id", "other": "sku"} {
		ix := routing.IndexRecord{V: 1, UID: uid, Physical: uid + "--1", PrimaryKey: pk, Shards: 1}
		p := routing.PlacementRecord{V: 1, Physical: ix.Physical, Shards: 1, Groups: map[int][][]routing.Copy{}}
		if _, err := store.CreateIndex(t.Context(), ix, p, routing.SettingsRecord{}); err != nil {
			t.Fatal(err)
		}
	}
	f := &aliasFixture{newFixture(t), store}
	f.Aliases = &aliases.Changer{Store: store, Rules: aliases.DefaultRules, Now: time.Now, Metrics: aliases.NewMetrics(prometheus.NewRegistry())}
	f.AliasList = store
	return f
}

// do sends a request as an operator.
func (f *aliasFixture) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Admin-Key", key)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func (f *aliasFixture) version(t *testing.T, name string) uint64 {
	t.Helper()
	rec, _, err := f.store.Alias(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Version
}

// F7: an alias from its creation to its deletion, with the answers of every step.
func TestAliasLife(t *testing.T) {
	f := newAliasFixture(t)
	made := f.do("POST", "/_miroir/aliases", `{"name":"x","target":"a"}`)
	if made.Code != http.StatusCreated || made.Header().Get("ETag") != `"1"` {
		t.Fatalf("%d %s", made.Code, made.Body)
	}
	for want, again := range map[int][2]string{
		http.StatusOK:       {"/_miroir/aliases/x", `{"target":"a"}`},
		http.StatusConflict: {"/_miroir/aliases/x", `{"target":"b"}`},
		http.StatusCreated:  {"/_miroir/aliases/y", `{"name":"y","targets":["b","a"]}`},
	} {
		if w := f.do("POST", again[0], again[1]); w.Code != want {
			t.Errorf("POST %v: %d %s", again, w.Code, w.Body)
		}
	}
	for _, step := range []struct {
		body    string
		version uint64
	}{{`{"target":"b"}`, 2}, {`{"target":"b"}`, 2}, {`{"target":"a","force":false}`, 3}} {
		w := f.do("PUT", "/_miroir/aliases/x", step.body)
		var got struct {
			Name, Kind    string
			Version       uint64
			Propagated    bool
			Acked, Fenced *int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.Version != step.version || !got.Propagated ||
			got.Acked == nil || got.Fenced == nil || got.Name != "x" || got.Kind != "single" {
			t.Errorf("PUT %s: %d %s", step.body, w.Code, w.Body)
		}
	}
	var one struct {
		Target  string `json:"current_uid"`
		History []struct {
			Target  string `json:"current_uid"`
			Version uint64
			By      string
		}
	}
	f.get(t, "/_miroir/aliases/x", 200, &one)
	if one.Target != "a" || len(one.History) != 2 || one.History[0].Target != "a" || one.History[1].Target != "b" || one.History[1].By != "admin" {
		t.Errorf("%+v", one)
	}
	var list struct {
		Results []struct{ Name string }
		Cursor  string
	}
	f.get(t, "/_miroir/aliases?limit=1", 200, &list)
	if len(list.Results) != 1 || list.Results[0].Name != "x" || list.Cursor != "x" {
		t.Errorf("%+v", list)
	}
	f.get(t, "/_miroir/aliases?limit=1&cursor=x", 200, &list)
	if len(list.Results) != 1 || list.Results[0].Name != "y" {
		t.Errorf("%+v", list)
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if w := f.do("DELETE", "/_miroir/aliases/x", ``); w.Code != want {
			t.Errorf("DELETE: %d %s, want %d", w.Code, w.Body, want)
		}
	}
	if w := f.do("GET", "/_miroir/aliases/x", ``); w.Code != 404 || code(w) != apierr.MiroirNotFound {
		t.Errorf("GET: %d %s", w.Code, w.Body)
	}
}

// F7, A7.5: what is refused, and that it changes nothing.
func TestAliasRefusals(t *testing.T) {
	f := newAliasFixture(t)
	var many []string
	for i := range 65 {
		many = append(many, fmt.Sprintf("%q", fmt.Sprint("t", i)))
	}
	for _, body := range []string{`{"name":"x","target":"a"}`, `{"name":"all","targets":["a","b"]}`} {
		if w := f.do("POST", "/_miroir/aliases", body); w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	managed := routing.AliasRecord{V: 1, Name: "logs", Kind: routing.AliasMulti, AliasTargets: routing.AliasTargets{Targets: []string{"a"}}, Version: 7, Owner: "ilm:daily"}
	if _, err := f.store.ChangeAlias(t.Context(), "logs", []string{"a"}, func(state.AliasFacts) (state.AliasVerdict, error) {
		return state.AliasVerdict{Put: &managed}, nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		method, path, body string
		status             int
		code               apierr.Code
		match              string
	}{
		{"POST", "", `{"name":"a b","target":"a"}`, 400, apierr.InvalidIndexUID, ""},
		{"POST", "", `{"target":"a"}`, 400, apierr.InvalidIndexUID, ""},
		{"POST", "", `{"name":"n","target":"nobody"}`, 404, apierr.IndexNotFound, ""},
		{"POST", "", `{"name":"n","targets":["a","nobody"]}`, 404, apierr.IndexNotFound, ""},
		{"POST", "", `{"name":"n","target":"x"}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","target":"n"}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","targets":[]}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","targets":["a","a"]}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","targets":[` + strings.Join(many, ",") + `]}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","target":"a","targets":["b"]}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n"}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","target":1}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","target":"a","what":1}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `[]`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"n","target":"a b"}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "/n", `{"name":"m","target":"a"}`, 400, apierr.MiroirConfigInvalid, ""},
		{"POST", "", `{"name":"b","target":"a"}`, 409, apierr.MiroirConflict, ""},
		{"POST", "", `{"name":"x","targets":["a"]}`, 409, apierr.MiroirConflict, ""},
		{"PUT", "/nobody", `{"target":"a"}`, 404, apierr.MiroirNotFound, ""},
		{"PUT", "/x", `{"targets":["a","b"]}`, 409, apierr.MiroirConflict, ""},
		{"PUT", "/all", `{"target":"a"}`, 409, apierr.MiroirConflict, ""},
		{"PUT", "/x", `{"target":"other"}`, 409, apierr.MiroirConflict, ""},
		{"PUT", "/x", `{"target":"nobody"}`, 404, apierr.IndexNotFound, ""},
		{"PUT", "/x", `{"target":"b"}`, 409, apierr.MiroirConflict, `"9"`},
		{"PUT", "/x", `{"target":"b"}`, 400, apierr.MiroirInvalidHeader, `"v"`},
		{"PUT", "/logs", `{"targets":["b"]}`, 409, apierr.MiroirAliasManaged, ""},
		{"DELETE", "/logs", ``, 409, apierr.MiroirAliasManaged, ""},
		{"DELETE", "/x", ``, 409, apierr.MiroirConflict, `"9"`},
		{"DELETE", "/nobody", ``, 404, apierr.MiroirNotFound, ""},
	} {
		w := f.do(x.method, "/_miroir/aliases"+x.path, x.body, "If-Match", x.match)
		if w.Code != x.status || code(w) != x.code {
			t.Errorf("%s %s %s: %d %s", x.method, x.path, x.body, w.Code, w.Body)
		}
	}
	all, err := f.store.Aliases(t.Context())
	if err != nil || len(all) != 3 || f.version(t, "x") != 1 || f.version(t, "all") != 1 || f.version(t, "logs") != 7 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, x := range []struct{ body, match string }{{`{"target":"other","force":true}`, ``}, {`{"target":"b","force":true}`, `"2"`}} {
		if w := f.do("PUT", "/_miroir/aliases/x", x.body, "If-Match", x.match); w.Code != 200 {
			t.Errorf("%s: %d %s", x.body, w.Code, w.Body)
		}
	}
}

// A7.4: of eleven flips the history has the last ten states.
func TestA74ElevenFlips(t *testing.T) {
	f := newAliasFixture(t)
	f.do("POST", "/_miroir/aliases", `{"name":"x","target":"a"}`)
	for i := range 11 {
		target := "ab"[(i+1)%2 : (i+1)%2+1]
		if w := f.do("PUT", "/_miroir/aliases/x", `{"target":"`+target+`"}`); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	rec, _, err := f.store.Alias(t.Context(), "x")
	if err != nil || rec.Version != 12 || len(rec.History) != 10 || rec.History[0].Version != 2 || rec.History[9].Version != 11 {
		t.Errorf("%+v, %v", rec, err)
	}
}

// F7: a flip is answered when every gateway that is present works by it. One whose lease ends is waited for no longer.
func TestFlipWaitsForGateways(t *testing.T) {
	f := newAliasFixture(t)
	f.do("POST", "/_miroir/aliases", `{"name":"x","target":"a"}`)
	session, err := f.store.NewSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	say := func(id string, epoch int64) {
		if err := session.Put(t.Context(), state.FamilyGateways+id, state.GatewayRecord{V: 1, ID: id, Epoch: epoch}); err != nil {
			t.Error(err)
		}
	}
	say("one", 1)
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() { answered <- f.do("PUT", "/_miroir/aliases/x", `{"target":"b"}`) }()
	for f.version(t, "x") != 2 {
		select {
		case w := <-answered:
			t.Fatalf("answered before the change: %d %s", w.Code, w.Body)
		case <-t.Context().Done():
			t.Fatal("no change")
		default:
		}
	}
	select {
	case w := <-answered:
		t.Fatalf("answered before the gateway knew: %d %s", w.Code, w.Body)
	default:
	}
	_, revision, err := f.store.Alias(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	say("one", revision)
	w := <-answered
	var got struct {
		Propagated    bool
		Acked, Fenced int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || !got.Propagated || got.Acked != 1 || got.Fenced != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// A gateway that never says anything: the answer comes when it is gone, and counts it.
	say("two", 1)
	say("one", revision+100)
	go func() { answered <- f.do("PUT", "/_miroir/aliases/x", `{"target":"a"}`) }()
	for f.version(t, "x") != 3 {
		if t.Context().Err() != nil {
			t.Fatal("no change")
		}
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = <-answered
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || !got.Propagated {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
