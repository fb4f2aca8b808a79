package settings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// newWaves is a world of two groups with two nodes each.
func newWaves(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.engines["d"] = &engine{settings: map[string]json.RawMessage{"stopWords": json.RawMessage(`[]`)}, patience: 1000, tasks: map[string]bool{}}
	w.groups["c"], w.groups["d"] = 1, 1
	if r := w.change(1, `{"stopWords":["a"]}`); r.Status != task.Succeeded || w.settings.Version != 1 {
		t.Fatalf("%+v %+v", r, w.settings)
	}
	return w
}

// A5.1, A5.2: one half of the groups changes while the other is read, before the commit and after it, wherever the coordinator dies.
func TestA51WavesNeverMixVersions(t *testing.T) {
	for die := range 20 {
		w := newWaves(t)
		w.dieAt = die
		r := w.change(2, `{"stopWords":["b"]}`)
		if r.Status != task.Succeeded || w.settings.Version != 2 || w.settings.Resting != nil || w.mixed != "" {
			t.Fatalf("die at %d: %s %v, %+v, %s", die, r.Status, r.Error, w.settings, w.mixed)
		}
		if len(w.said) != 4 || slices.ContainsFunc(slices.Collect(maps.Values(w.said)), func(hash string) bool { return hash != w.settings.EngineHash }) {
			t.Errorf("die at %d: the change ended when nodes had told %v", die, w.said)
		}
		if got := w.shows("stopWords"); got != `["b"] ["b"] ["b"] ["b"]` || len(w.sent) != 4 {
			t.Errorf("die at %d: %s, sent to %v", die, got, w.sent)
		}
		if !slices.Contains(w.phases, phaseRest) || !slices.Contains(w.phases, phaseTurn) || len(w.settings.Nodes) != 4 {
			t.Errorf("die at %d: %v, %v", die, w.phases, w.settings.Nodes)
		}
	}
}

// A5.4: a change that an engine of the first half refuses is taken back there, and the other half never got it.
func TestA54WavesTakeBackWhatTheFirstHalfRefuses(t *testing.T) {
	for die := range 12 {
		w := newWaves(t)
		w.engines["b"].refuses, w.dieAt = true, die
		r := w.change(2, `{"stopWords":["b"]}`)
		if r.Status != task.Failed || r.Error.Code != "vector_embedding_error" || w.settings.Version != 1 || w.settings.Resting != nil || w.mixed != "" {
			t.Fatalf("die at %d: %s %v, %+v, %s", die, r.Status, r.Error, w.settings, w.mixed)
		}
		if got := w.shows("stopWords"); got != `["a"] ["a"] ["a"] ["a"]` || slices.Contains(w.sent, "c") || slices.Contains(w.sent, "d") {
			t.Errorf("die at %d: %s, sent to %v", die, got, w.sent)
		}
	}
}

// F5: what is committed stands, whatever an engine of the second half says; it is not among those that carried it out.
func TestF5WavesLeaveARefusalAfterTheCommitToTheNode(t *testing.T) {
	w := newWaves(t)
	w.engines["d"].refuses = true
	r := w.change(2, `{"stopWords":["b"]}`)
	if r.Status != task.Succeeded || w.settings.Version != 2 || w.settings.Resting != nil || slices.Contains(w.settings.Nodes, "d") {
		t.Fatalf("%s %v, %+v", r.Status, r.Error, w.settings)
	}
	if got := w.shows("stopWords"); got != `["b"] ["b"] ["b"] ["a"]` {
		t.Errorf("%s", got)
	}
}

// F5: without a half that can serve all reads alone, everybody changes at once, and so where the configuration says so.
func TestF5WavesNeedTwoHalvesThatCanBeRead(t *testing.T) {
	for name, set := range map[string]func(w *world){
		"a group is down": func(w *world) { w.down = []string{"a", "b"} },
		"off":             func(w *world) { w.policy.Waves = tuning.WavesOff },
	} {
		w := newWaves(t)
		set(w)
		if r := w.change(2, `{"stopWords":["b"]}`); r.Status != task.Succeeded || w.settings.Version != 2 || slices.Contains(w.phases, phaseRest) {
			t.Errorf("%s: %s %v, %v", name, r.Status, r.Error, w.phases)
		}
	}
}

// A5.9 as A5.3: one node after the other, without the one that is down.
func TestA59SequentialWithoutANodeThatIsDown(t *testing.T) {
	for die := range 16 {
		w := newWorld(t)
		w.policy.Strategy, w.down, w.dieAt = tuning.StrategySequential, []string{"b"}, die
		r := w.change(1, `{"stopWords":["b"]}`)
		if r.Status != task.Succeeded || w.settings.Version != 1 || strings.Join(w.sent, "") != "ac" || !slices.Equal(w.settings.Nodes, []string{"a", "c"}) {
			t.Fatalf("die at %d: %s %v, %+v, sent to %v", die, r.Status, r.Error, w.settings, w.sent)
		}
	}
}

// A5.9 as A5.4: the nodes that took the change before one refused it are set back, and those after it never get it.
func TestA59SequentialTakesBackWhatWasApplied(t *testing.T) {
	for die := range 16 {
		w := newWorld(t)
		w.policy.Strategy, w.engines["b"].refuses, w.dieAt = tuning.StrategySequential, true, die
		r := w.change(1, `{"stopWords":["b"]}`)
		if r.Status != task.Failed || r.Error.Code != "vector_embedding_error" || w.settings != nil && w.settings.Version != 0 {
			t.Fatalf("die at %d: %s %v, %+v", die, r.Status, r.Error, w.settings)
		}
		if got := w.shows("stopWords"); got != `[] [] []` || strings.Join(w.sent, "") != "aba" {
			t.Errorf("die at %d: %s, sent to %v", die, got, w.sent)
		}
	}
}

// TK-10: a change that no gateway presented to the nodes is stopped by its workflow, and is past stopping when it is committed.
func TestTK10ChangeInTurnsIsCanceled(t *testing.T) {
	w := newWaves(t)
	by := uint32(9)
	w.canceling = &by
	r := w.change(2, `{"stopWords":["b"]}`)
	if r.Status != task.Canceled || r.CanceledBy == nil || *r.CanceledBy != by || w.settings.Version != 1 || w.settings.Resting != nil || len(w.sent) != 0 || slices.Contains(w.phases, phaseRest) {
		t.Errorf("%s %v, %+v, sent to %v", r.Status, r.Error, w.settings, w.sent)
	}
	one := task.Record{Type: task.SettingsUpdate, Status: task.Enqueued, Op: []byte(`{}`), EnqueuedAt: time.Now()}
	if !one.Cancelable() {
		t.Error("it can not be canceled")
	}
}
