package adminapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// F5: an operator sees the committed version of an index's settings, what every node was seen to show, and what is under way.
func TestF5SettingsStatus(t *testing.T) {
	f := newFixture(t)
	b := routing.NewBuilder()
	for k, v := range map[string]string{
		"config/cluster": `{"v":1,"shards":5}`, "groups/0": `{"v":1,"id":0,"state":"active","rf":1}`,
		"nodes/a": `{"v":1,"id":"a","state":"active"}`, "nodes/b": `{"v":1,"id":"b","state":"active"}`, "nodes/c": `{"v":1,"id":"c","state":"active"}`,
		"nodes/d": `{"v":1,"id":"d","state":"active"}`, "nodes/e": `{"v":1,"id":"e","state":"active"}`,
		"health/a": `{"v":1,"ok":true}`, "health/b": `{"v":1,"ok":true}`, "health/c": `{"v":1,"ok":true}`, "health/d": `{"v":1,"ok":true}`,
		"indexes/x":            `{"v":1,"uid":"x","physical":"x--0","shards":5}`,
		"placement/x--0":       `{"v":1,"physical":"x--0","shards":5,"groups":{"0":[[{"node":"a","state":"active"}],[{"node":"b","state":"active"}],[{"node":"c","state":"active"}],[{"node":"d","state":"active"}],[{"node":"e","state":"active"}]]}}`,
		"settings/x--0":        `{"v":1,"version":4,"client_view":{"embedders":{"e":{"apiKey":"sealed.v1.00000000.x"}}},"engine_hash":"h4"}`,
		"node_settings/x--0/a": `{"v":1,"version":4,"hash":"h4","updated_at":"2026-11-25T00:00:00Z"}`,
		"node_settings/x--0/b": `{"v":1,"version":3,"hash":"h3"}`, "node_settings/x--0/c": `{"v":1,"version":4,"hash":"changing"}`,
		"node_settings/x--0/e": `{"v":1,"version":4,"hash":"h4"}`,
	} {
		if err := b.Put(k, []byte(v), 12); err != nil {
			t.Fatal(err)
		}
	}
	f.records["settings/x--0"] = `{"v":1,"kind":"settings","id":"x--0","state":"running","phase":"verify"}`
	open := []task.Record{
		{UID: 7, Type: task.SettingsUpdate, Physical: "x--0"}, {UID: 8, Type: task.DocumentAddition, Physical: "x--0"}, {UID: 9, Type: task.SettingsUpdate, Physical: "y--0"},
	}
	v := b.View()
	f.Snapshot = func() view.Snapshot { return view.Snapshot{Routing: v, Open: open} }
	var got settingsStatus
	f.get(t, "/_miroir/indexes/x/settings/status", http.StatusOK, &got)
	if got.Version != 4 || got.Hash != "h4" || got.Phase != "verify" || len(got.Queue) != 1 || got.Queue[0] != 7 {
		t.Errorf("%+v", got)
	}
	want := map[string]string{"a": "in_step", "b": "behind", "c": "changing", "d": "unknown", "e": "down"}
	for _, n := range got.Nodes {
		if want[n.ID] != n.State || (n.UpdatedAt == nil) != (n.ID == "d") {
			t.Errorf("%+v", n)
		}
		delete(want, n.ID)
	}
	if len(want) != 0 {
		t.Errorf("not shown: %v", want)
	}
	got = settingsStatus{}
	f.records["settings/x--0"] = `{"v":1,"kind":"settings","id":"x--0","state":"succeeded","phase":""}`
	f.get(t, "/_miroir/indexes/x/settings/status", http.StatusOK, &got)
	if got.Phase != "" {
		t.Errorf("ended: %+v", got)
	}
	if w := f.send(http.MethodGet, "/_miroir/indexes/none/settings/status", "X-Admin-Key", key); code(w) != apierr.MiroirNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// thawed notes which index was opened again.
type thawed struct{ physical string }

func (s *thawed) FreezeSettings(_ context.Context, physical string, f *routing.Freeze) error {
	if f == nil {
		s.physical = physical
	}
	return nil
}

// A5.8: an operator sees that an index is frozen, and opens it again.
func TestA58Unfreeze(t *testing.T) {
	f := newFixture(t)
	var store thawed
	f.Settings = &store
	const path = "/_miroir/indexes/x/settings/unfreeze"
	if w := f.send(http.MethodPost, path, "X-Admin-Key", key); w.Code != http.StatusConflict || code(w) != apierr.MiroirConflict {
		t.Errorf("not frozen: %d %s", w.Code, w.Body)
	}
	if w := f.send(http.MethodPost, "/_miroir/indexes/none/settings/unfreeze", "X-Admin-Key", key); code(w) != apierr.MiroirNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.view.Indexes["x"].Frozen = &routing.Freeze{Task: 7}
	var got settingsStatus
	f.get(t, "/_miroir/indexes/x/settings/status", http.StatusOK, &got)
	if got.Frozen == nil || got.Frozen.TaskUID != 7 {
		t.Errorf("%+v", got)
	}
	if w := f.send(http.MethodPost, path); w.Code != http.StatusUnauthorized || store.physical != "" {
		t.Errorf("without the key: %d", w.Code)
	}
	if w := f.send(http.MethodPost, path, "X-Admin-Key", key); w.Code != http.StatusOK || store.physical != "x--0" {
		t.Errorf("%d %s, opened %q", w.Code, w.Body, store.physical)
	}
}
