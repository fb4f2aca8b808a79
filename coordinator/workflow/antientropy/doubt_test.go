package antientropy

import (
	"testing"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
)

// ET-8: when nobody knows which copies are complete all are compared, whatever the schedule says, and again until none was left out.
func TestET8DoubtIsResolved(t *testing.T) {
	w := newWorld("ab")
	w.put("ab", "d1", 5, "v")
	w.put("a", "d2", 5, "v")
	w.nodes["b"].down = true
	m := newMemory()
	m.doubt = time.Now().Add(-time.Second)
	since := m.doubt
	a := w.passes(t, m, Config{Off: true})
	stop := a.background(token{m, 1})
	first := a.until(t, "light-repair", finished)
	if first.Incomplete != 1 || first.Repaired != 0 {
		t.Errorf("%+v", first)
	}
	_ = stop()
	if at, _ := m.Doubt(t.Context()); !at.Equal(since) {
		t.Fatal("a pass that left a copy out ended the doubt")
	}
	w.nodes["b"].down = false
	for _, step := range []struct {
		after time.Duration
		state workflow.State
	}{{doubtAgain / 2, workflow.Succeeded}, {2 * doubtAgain, workflow.Running}} {
		a.Now = func() time.Time { return time.Now().Add(step.after) }
		records, err := a.records(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := (&lead{AntiEntropy: a}).resolve(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		if s, err := a.Status(t.Context(), "light-repair"); err != nil || s.State != step.state {
			t.Errorf("after %s: %+v %v", step.after, s, err)
		}
	}
	a.Now = time.Now
	stop = a.background(token{m, 1})
	defer func() { _ = stop() }()
	a.until(t, "light-repair", func(Status) bool { at, _ := m.Doubt(t.Context()); return at.IsZero() })
	if w.nodes["b"].content["d2"] != "v" {
		t.Error("the copies are not equal")
	}
}
