package adminapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/task"
)

// enqueued notes the tasks that are made.
type enqueued struct{ tasks []task.Record }

func (q *enqueued) NextTaskUID(context.Context) (uint32, error) { return 40, nil }

func (q *enqueued) CreateTask(_ context.Context, r task.Record) error {
	q.tasks = append(q.tasks, r)
	return nil
}

func sealing(t *testing.T) *seal.Box {
	t.Helper()
	b, err := seal.FromEnvironment(func(string) string { return "" }, "the node key of this test")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fixture) operate(path, body string) *httptest.ResponseRecorder {
	return f.post(http.MethodPost, path, "application/json", body)
}

const ofX = "/_miroir/indexes/x/settings/"

// F5: a preview tells what would change, and changes nothing.
func TestF5PreviewOfSettings(t *testing.T) {
	f := newFixture(t)
	var q enqueued
	f.Enqueuer, f.Seal = &q, sealing(t)
	f.view.Indexes["x"].Settings = f.Seal.Settings(seal.SettingsPlace("x--0"), []byte(`{"stopWords":["a"],"synonyms":{},"embedders":{"m":{"source":"openAi","apiKey":"sk-secret-of-this-test"}}}`))
	f.view.Indexes["x"].SettingsVersion = 4
	w := f.operate(ofX+"preview", `{"settings":{"stopWords":["the"],"synonyms":{"a":["b"]}}}`)
	var got settingsPreview
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(got.Changes) != 2 || string(got.Changes[0].From) != `["a"]` || string(got.Changes[0].To) != `["the"]` || got.Version != 4 ||
		len(got.Reindex) != 1 || got.Reindex[0] != "stopWords" || got.Hash == "" || strings.Contains(w.Body.String(), "of-this-test") {
		t.Errorf("%s", w.Body)
	}
	for body, want := range map[string]apierr.Code{
		`{"settings":{"stopWords":1}}`: apierr.InvalidSettingsStopWords, `{"settings":`: apierr.BadRequest, `{}`: apierr.BadRequest,
	} {
		if w := f.operate(ofX+"preview", body); code(w) != want || w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := f.operate("/_miroir/indexes/none/settings/preview", `{"settings":{}}`); code(w) != apierr.MiroirNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if len(q.tasks) != 0 {
		t.Errorf("%+v", q.tasks)
	}
}

// A5.8: the ways out of a freeze are tasks: the same change again, or what is committed for all that any of them named.
func TestA58RetryAndRollback(t *testing.T) {
	f := newFixture(t)
	var q enqueued
	f.Enqueuer, f.Seal = &q, sealing(t)
	for _, verb := range []string{"retry", "rollback"} {
		if w := f.operate(ofX+verb, ""); w.Code != http.StatusConflict || code(w) != apierr.MiroirConflict {
			t.Errorf("%s, nothing failed: %d %s", verb, w.Code, w.Body)
		}
		if w := f.operate("/_miroir/indexes/none/settings/"+verb, ""); code(w) != apierr.MiroirNotFound {
			t.Errorf("%s: %d %s", verb, w.Code, w.Body)
		}
		if w := f.send(http.MethodPost, ofX+verb); w.Code != http.StatusUnauthorized {
			t.Errorf("%s without the key: %d", verb, w.Code)
		}
	}
	members := []byte(`{"stopWords":["x"],"embedders":{"mine":{"source":"openAi","apiKey":"sk-secret-of-this-test"}}}`)
	op, err := json.Marshal(meili.SettingsPatch{Members: f.Seal.Settings(seal.TaskPlace(7), members)})
	if err != nil {
		t.Fatal(err)
	}
	f.tasks[7] = task.Record{UID: 7, Type: task.SettingsUpdate, Status: task.Failed, Op: op}
	ix := f.view.Indexes["x"]
	ix.Settings, ix.Frozen = []byte(`{"stopWords":["a"],"synonyms":{"b":["c"]},"embedders":{}}`), &routing.Freeze{Task: 7, At: time.Now()}
	opened := func(r task.Record) string {
		var p meili.SettingsPatch
		if err := json.Unmarshal(r.Op, &p); err != nil || r.Type != task.SettingsUpdate || r.Status != task.Enqueued || r.Physical != "x--0" || *r.IndexUID != "x" {
			t.Errorf("%+v %v", r, err)
		}
		if strings.Contains(string(r.Op)+string(r.Details), "of-this-test") {
			t.Errorf("a secret is in clear: %s %s", r.Op, r.Details)
		}
		p.Members, err = f.Seal.OpenSettings(seal.TaskPlace(r.UID), p.Members)
		if err != nil {
			t.Error(err)
		}
		return string(p.Members)
	}
	for verb, want := range map[string]string{
		"retry": string(members), "rollback": `{"embedders":{"mine":null},"stopWords":["a"],"synonyms":{"b":["c"]}}`,
	} {
		q.tasks = nil
		w := f.operate(ofX+verb, "")
		if w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"task_uid":40`) || len(q.tasks) != 1 {
			t.Fatalf("%s: %d %s, %d tasks", verb, w.Code, w.Body, len(q.tasks))
		}
		if got := opened(q.tasks[0]); got != want {
			t.Errorf("%s: %s, want %s", verb, got, want)
		}
	}
	delete(f.tasks, 7) // it is long ago: what is committed is still known
	q.tasks = nil
	if w := f.operate(ofX+"rollback", ""); w.Code != http.StatusAccepted || opened(q.tasks[0]) != `{"embedders":{},"stopWords":["a"],"synonyms":{"b":["c"]}}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.operate(ofX+"retry", ""); w.Code != http.StatusConflict {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	ix.Frozen = nil
	f.records["settings/x--0"] = `{"v":1,"kind":"settings","id":"x--0","state":"failed","phase":"","progress":{"task":7}}`
	f.tasks[7] = task.Record{UID: 7, Type: task.SettingsUpdate, Status: task.Failed, Op: op}
	if w := f.operate(ofX+"retry", ""); w.Code != http.StatusAccepted {
		t.Errorf("a change that failed, nothing is frozen: %d %s", w.Code, w.Body)
	}
}
