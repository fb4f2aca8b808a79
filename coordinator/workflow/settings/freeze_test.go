package settings

import (
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// A5.8: nodes that neither come to the same settings nor back to the old ones freeze the index, wherever the coordinator dies
// meanwhile. The version stays, and the next change that is committed ends it.
func TestA58NodesThatCanNotBeSetBackFreezeTheIndex(t *testing.T) {
	for die := range 16 {
		w := newWorld(t)
		if r := w.change(1, `{"stopWords":["a"]}`); r.Status != task.Succeeded || w.settings.Version != 1 {
			t.Fatalf("%+v %+v", r, w.settings)
		}
		w.engines["b"].patience, w.engines["c"].patience, w.dieAt = 0, 1, die
		r := w.change(2, `{"stopWords":["b"]}`)
		if r.Status != task.Failed || r.Error.Code != apierr.MiroirDivergence || w.settings.Version != 1 || w.settings.Frozen == nil || w.settings.Frozen.Task != 2 {
			t.Fatalf("die at %d: %s %v, %+v", die, r.Status, r.Error, w.settings)
		}
		if got := w.shows("stopWords"); got != `["a"] ["a"] ["b"]` || !slices.Contains(w.phases, phaseFreeze) {
			t.Errorf("die at %d: %s %v", die, got, w.phases)
		}
		if w.View().Indexes["x"].Frozen == nil {
			t.Error("the view does not show it")
		}
		w.engines["b"].patience, w.engines["c"].patience = 1000, 1000
		if r := w.change(3, `{"stopWords":["c"]}`); r.Status != task.Succeeded || w.settings.Version != 2 || w.settings.Frozen != nil {
			t.Errorf("die at %d: %s %v, %+v", die, r.Status, r.Error, w.settings)
		}
	}
}

// Where nothing was ever committed, the index is frozen all the same, and the next change is version 1.
func TestA58IndexWithoutCommittedSettings(t *testing.T) {
	w := newWorld(t)
	w.engines["b"].patience, w.engines["c"].patience = 0, 1
	if r := w.change(1, `{"stopWords":["b"]}`); r.Error == nil || r.Error.Code != apierr.MiroirDivergence || w.settings.Version != 0 || w.settings.Frozen == nil {
		t.Fatalf("%+v %+v", r, w.settings)
	}
	ix := w.View().Indexes["x"]
	if ix.Frozen == nil || len(ix.Settings) != 0 || ix.SettingsVersion != 0 {
		t.Errorf("%+v", ix)
	}
	w.engines["b"].patience, w.engines["c"].patience = 1000, 1000
	if r := w.change(2, `{"stopWords":["c"]}`); r.Status != task.Succeeded || w.settings.Version != 1 || w.settings.Frozen != nil {
		t.Errorf("%+v %+v", r, w.settings)
	}
}

// A rollback that is proven freezes nothing: all nodes that answer show the committed settings again.
func TestA54ProvenRollbackFreezesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(w *world)
		code apierr.Code
	}{
		"a node that takes nothing": {func(w *world) { w.engines["b"].patience = 0 }, apierr.MiroirDivergence},
		"a node that refuses":       {func(w *world) { w.engines["b"].refuses = true }, "vector_embedding_error"},
		"another node is down": {func(w *world) {
			w.engines["b"].patience, w.down = 0, []string{"c"}
		}, apierr.MiroirDivergence},
	} {
		w := newWorld(t)
		if r := w.change(1, `{"stopWords":["a"]}`); r.Status != task.Succeeded {
			t.Fatalf("%+v", r)
		}
		c.set(w)
		r := w.change(2, `{"stopWords":["b"]}`)
		if r.Status != task.Failed || r.Error.Code != c.code || w.settings.Frozen != nil || w.settings.Version != 1 || slices.Contains(w.phases, phaseFreeze) {
			t.Errorf("%s: %s %v, %+v %v", name, r.Status, r.Error, w.settings, w.phases)
		}
		if got := w.shows("stopWords"); strings.Contains(got, "b") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Without freezing the task fails in the same way, and writes go on.
func TestFreezingCanBeOff(t *testing.T) {
	w := newWorld(t)
	w.policy.FreezeWritesOnUnrepairable = false
	w.engines["b"].patience, w.engines["c"].patience = 0, 1
	if r := w.change(1, `{"stopWords":["b"]}`); r.Error == nil || r.Error.Code != apierr.MiroirDivergence || w.settings != nil {
		t.Errorf("%+v %+v", r, w.settings)
	}
}

func TestRetains(t *testing.T) {
	d := doc(t, `{"embedders":{"e":{"source":"rest"},"f":{"source":"rest"}}}`)
	for _, c := range []struct {
		changes []string
		want    bool
	}{
		{[]string{`{"embedders":{"e":{"source":"rest"},"f":null}}`}, true}, {[]string{`{"embedders":{"g":null}}`}, false},
		{[]string{`{"embedders":null}`}, false}, {[]string{`{"stopWords":[]}`}, false},
		{[]string{`{"embedders":{"f":null}}`, `{"embedders":{"f":{"source":"rest"}}}`}, false},
		{[]string{`{"embedders":{"f":null}}`, `{"stopWords":[]}`}, true},
	} {
		var list []change
		for i, members := range c.changes {
			list = append(list, change{uid: uint32(i), patch: patch(members)})
		}
		if got := d.retains(list); got != c.want {
			t.Errorf("%v: %v", c.changes, got)
		}
	}
}

// A reset of the filterable attributes, by a client or by a rollback, leaves nodes the one that reads need.
func TestResetKeepsTheShardFilterable(t *testing.T) {
	back, err := restoring(patch(`{"filterableAttributes":["a"]}`), nil)
	if err != nil || string(back.NodeBody()) != `{"filterableAttributes":["_miroir_shard"]}` {
		t.Fatalf("%s, %v", back.NodeBody(), err)
	}
	list := []change{{uid: 1, patch: back}}
	if doc(t, `{"filterableAttributes":[]}`).shows(list) || !doc(t, `{"filterableAttributes":["_miroir_shard"]}`).shows(list) {
		t.Error("a node without the shard counts as back, or one with it does not")
	}
}
