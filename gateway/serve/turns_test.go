package serve

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// F5: where nodes get a change in turns the gateway asks none of them: it refuses what an engine would refuse at once, in its words,
// and records the rest for a coordinator.
func TestF5ChangesInTurnsAreHandedOver(t *testing.T) {
	k := newCluster(t)
	s := k.gateway(t, io.Discard)
	live := tuning.Default()
	live.SettingsBroadcast.Strategy = tuning.StrategySequential
	s.Tuning = func() *tuning.Live { return &live }
	ix := routing.IndexRecord{V: 1, UID: "x", Physical: "x--1", Shards: 1}
	if _, err := s.Store.CreateIndex(t.Context(), ix, routing.PlacementRecord{V: 1, Physical: "x--1", Shards: 1}, routing.SettingsRecord{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Views.Wait(t.Context(), func(v *routing.View) bool { return v.Physical["x--1"] != nil }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path, body, code string }{
		{"PATCH", "/indexes/x/settings", `{"stopWords":1}`, "invalid_settings_stop_words"}, {"PATCH", "/indexes/x/settings", `{"x":1}`, "bad_request"},
		{"PUT", "/indexes/x/settings/ranking-rules", `["nope"]`, "invalid_settings_ranking_rules"},
	} {
		if r := ask(t, s, masterKey, c.method, c.path, json.RawMessage(c.body)); r.Status != 400 || !strings.Contains(string(r.Body), c.code) {
			t.Errorf("%v: %d %s", c, r.Status, r.Body)
		}
	}
	s.Tasks.Each(true, func(r *task.Record) bool {
		t.Errorf("a refused change left %+v", r)
		return true
	})
	for _, c := range []struct{ method, path, body, op string }{
		{"PATCH", "/indexes/x/settings", `{"stopWords":["a"]}`, `{"members":{"stopWords":["a"]}}`},
		{"PUT", "/indexes/x/settings/stop-words", `["b"]`, `{"members":{"stopWords":["b"]}}`},
		{"DELETE", "/indexes/x/settings/stop-words", ``, `{"members":{"stopWords":null}}`},
	} {
		r := ask(t, s, masterKey, c.method, c.path, json.RawMessage(c.body))
		accepted := decode[struct{ TaskUID uint32 }](t, r)
		got, err := s.Store.Task(t.Context(), accepted.TaskUID)
		if r.Status != 202 || err != nil || string(got.Op) != c.op || len(got.Targets) != 0 || got.Physical != "x--1" || got.Status != task.Enqueued {
			t.Errorf("%v: %d %s, %+v %v", c, r.Status, r.Body, got, err)
		}
	}
}
