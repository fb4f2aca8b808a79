package settings

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// drawer is a store of settings and tasks.
type drawer struct {
	settings   map[string]routing.SettingsRecord
	open, done map[uint32]task.Record
}

func (d *drawer) View() *routing.View {
	v := &routing.View{Physical: map[string]*routing.Index{}}
	for physical, rec := range d.settings {
		v.Physical[physical] = &routing.Index{Settings: rec.ClientView}
	}
	return v
}
func (d *drawer) Wait(context.Context, func(*routing.View) bool) (*routing.View, error) {
	return d.View(), nil
}
func (d *drawer) Each(_ bool, visit func(*task.Record) bool) {
	for _, all := range []map[uint32]task.Record{d.open, d.done} {
		for _, r := range all {
			if !visit(&r) {
				return
			}
		}
	}
}
func (d *drawer) AmendSettings(_ context.Context, physical string, change func(*routing.SettingsRecord) error) error {
	rec := d.settings[physical]
	if err := change(&rec); err != nil {
		return err
	}
	d.settings[physical] = rec
	return nil
}
func (d *drawer) AmendTask(_ context.Context, uid uint32, change func(*task.Record)) (task.Record, error) {
	return amend(d.open, uid, change)
}
func (d *drawer) AmendDoneTask(_ context.Context, uid uint32, change func(*task.Record)) (task.Record, error) {
	return amend(d.done, uid, change)
}
func amend(all map[uint32]task.Record, uid uint32, change func(*task.Record)) (task.Record, error) {
	r, ok := all[uid]
	if !ok {
		return r, state.ErrNotFound
	}
	change(&r)
	all[uid] = r
	return r, nil
}

func sealer(t *testing.T, keys ...string) *seal.Box {
	t.Helper()
	b, err := seal.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ET-6: what stands in the store in clear, or under a key that is being changed, is sealed with the present one; the rest stays.
func TestET6SealsAreRenewed(t *testing.T) {
	old, lost, now := sealer(t, "old key"), sealer(t, "lost key"), sealer(t, "new key", "old key")
	clear := []byte(`{"stopWords":["a"],"embedders":{"e":{"apiKey":"sk-secret","headers":{"a":"secret-header"}}}}`)
	record := func(kind string, uid uint32, b *seal.Box) task.Record {
		members, details := clear, []byte(`{"embedders":{"e":{"apiKey":"sk-secret"}}}`)
		if b != nil {
			members, details = b.Settings(seal.TaskPlace(uid), clear), b.Settings(seal.TaskPlace(uid), details)
		}
		op, err := json.Marshal(map[string]json.RawMessage{"members": members})
		if err != nil {
			t.Fatal(err)
		}
		return task.Record{UID: uid, Type: kind, Op: op, Details: details}
	}
	d := &drawer{
		settings: map[string]routing.SettingsRecord{
			"clear--0": {Version: 3, ClientView: clear}, "old--0": {Version: 4, ClientView: old.Settings(seal.SettingsPlace("old--0"), clear)},
			"lost--0": {ClientView: lost.Settings(seal.SettingsPlace("lost--0"), clear)}, "plain--0": {ClientView: []byte(`{"stopWords":[]}`)},
			"none--0": {},
		},
		open: map[uint32]task.Record{1: record(task.SettingsUpdate, 1, nil), 2: record(task.SettingsUpdate, 2, old)},
		done: map[uint32]task.Record{
			3: record(task.SettingsUpdate, 3, nil), 4: record(task.SettingsUpdate, 4, lost),
			5: {UID: 5, Type: task.DocumentAddition, Details: json.RawMessage(`{"receivedDocuments":1}`)},
		},
	}
	lostBefore, otherBefore := string(d.settings["lost--0"].ClientView), string(d.done[5].Details)
	n := &Renewal{Store: d, Seal: now, Views: d, Tasks: d, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry())}
	for range 2 {
		if err := n.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := testutil.ToFloat64(n.Metrics.outdated); left != 2 {
			t.Errorf("%v left", left)
		}
	}
	after := sealer(t, "new key")
	for _, physical := range []string{"clear--0", "old--0"} {
		got, err := after.OpenSettings(seal.SettingsPlace(physical), d.settings[physical].ClientView)
		if err != nil || string(got) != string(clear) || strings.Contains(string(d.settings[physical].ClientView), "secret") || d.settings[physical].Version == 0 {
			t.Errorf("%s: %s %v", physical, got, err)
		}
	}
	for uid, r := range map[uint32]task.Record{1: d.open[1], 2: d.open[2], 3: d.done[3]} {
		got, err := after.OpenSettings(seal.TaskPlace(uid), membersOf(r.Op))
		if err != nil || string(got) != string(clear) || strings.Contains(string(r.Op)+string(r.Details), "secret") {
			t.Errorf("task %d: %s %s %v", uid, got, r.Details, err)
		}
	}
	if string(d.settings["lost--0"].ClientView) != lostBefore || string(d.done[5].Details) != otherBefore || len(d.settings["none--0"].ClientView) != 0 {
		t.Error("what can not be opened, or has no secrets, was changed")
	}
}
