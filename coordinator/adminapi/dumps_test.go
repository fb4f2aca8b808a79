package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow/dumps"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// NextTaskUID, CreateTask and Each make a fixture a store of tasks.
func (f *fixture) NextTaskUID(context.Context) (uint32, error) {
	return uint32(len(f.tasks)), f.failure
}

func (f *fixture) CreateTask(_ context.Context, r task.Record) error {
	f.tasks[r.UID] = r
	return nil
}

func (f *fixture) Each(ascending bool, visit func(*task.Record) bool) {
	var uids []uint32
	for uid := range f.tasks {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	if !ascending {
		slices.Reverse(uids)
	}
	for _, uid := range uids {
		if r := f.tasks[uid]; !visit(&r) {
			return
		}
	}
}

func TestF9DumpRoutes(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/_miroir/dumps", "/_miroir/dumps/20261125-193812345/content"} {
		if w := f.send("GET", path, "X-Admin-Key", key); w.Code != http.StatusNotImplemented {
			t.Errorf("%s without a folder: %d", path, w.Code)
		}
	}
	dir := t.TempDir()
	f.Dumps = dumps.Folder(dir)
	if err := os.WriteFile(filepath.Join(dir, "20261125-193812345.dump"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := f.send("POST", "/_miroir/dumps", "X-Admin-Key", key)
	if r := f.tasks[0]; w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"task_uid":0,"status_url":"/_miroir/tasks/0"`) ||
		r.Type != task.DumpCreation || len(r.Op) == 0 {
		t.Errorf("%d %s %+v", w.Code, w.Body, r)
	}
	var list struct{ Results []dumps.Dump }
	f.get(t, "/_miroir/dumps", http.StatusOK, &list)
	if len(list.Results) != 1 || list.Results[0].UID != "20261125-193812345" || list.Results[0].Size != 7 {
		t.Errorf("%+v", list)
	}
	w = f.send("GET", "/_miroir/dumps/20261125-193812345/content", "X-Admin-Key", key, "Range", "bytes=3-")
	if w.Code != http.StatusPartialContent || w.Body.String() != "tent" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, uid := range []string{"20261125-193812346", "..%2f..%2fetc%2fpasswd", "x"} {
		if w := f.send("GET", "/_miroir/dumps/"+uid+"/content", "X-Admin-Key", key); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", uid, w.Code, w.Body)
		}
	}
	f.failure = errors.New("etcd is away")
	if w := f.send("POST", "/_miroir/dumps", "X-Admin-Key", key); code(w) != apierr.MiroirStateUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAD3TasksArePagedAndFiltered(t *testing.T) {
	f := newFixture(t)
	for i, name := range []string{"a", "b", "a", "b", "a"} {
		status := task.Succeeded
		if i == 4 {
			status = task.Enqueued
		}
		f.tasks[uint32(i)] = task.Record{
			UID: uint32(i), Type: task.SettingsUpdate, IndexUID: &name, Status: status, EnqueuedAt: time.Now(),
			Op: json.RawMessage(`{"apiKey":"a secret"}`), Targets: []task.Target{{Node: "n"}, {Node: "m"}},
		}
	}
	uids := func(query string) (list []uint32, cursor string) {
		w := f.send("GET", "/_miroir/tasks"+query, "X-Admin-Key", key)
		var out struct {
			Results []struct {
				UID   uint32
				Nodes int
			}
			Cursor string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || strings.Contains(w.Body.String(), "secret") {
			t.Fatalf("%s: %s", query, w.Body)
		}
		for _, r := range out.Results {
			list = append(list, r.UID)
			if r.Nodes != 2 {
				t.Errorf("%d nodes", r.Nodes)
			}
		}
		return list, out.Cursor
	}
	for query, want := range map[string][]uint32{
		"": {4, 3, 2, 1, 0}, "?status=enqueued": {4}, "?index=b": {3, 1}, "?type=dumpCreation": nil, "?limit=2": {4, 3},
		"?limit=2&cursor=3": {2, 1}, "?limit=2&cursor=1": {0},
	} {
		if got, _ := uids(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v", query, got)
		}
	}
	if _, cursor := uids("?limit=2"); cursor != "3" {
		t.Error(cursor)
	}
	if w := f.send("GET", "/_miroir/tasks?cursor=x", "X-Admin-Key", key); w.Code != http.StatusBadRequest {
		t.Errorf("%d", w.Code)
	}
}

func TestConfigIsShown(t *testing.T) {
	f := newFixture(t)
	var got struct {
		Coordinator     map[string]string
		RestartRequired []string `json:"restart_required"`
	}
	f.get(t, "/_miroir/config", http.StatusOK, &got)
	if got.Coordinator["id"] != "coordinator-0" || got.RestartRequired == nil {
		t.Errorf("%+v", got)
	}
}
