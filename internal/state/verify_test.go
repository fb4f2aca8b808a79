package state

import (
	"errors"
	"testing"
	"time"
)

// AD-2: of several that ask for the same workflow one opens it; a leader is told, and whoever comes late changes nothing.
func TestWorkflowsAreOpenedOnce(t *testing.T) {
	c := open(t)
	changed := c.WorkflowChanges(t.Context(), "verify")
	if err := c.OpenWorkflow(t.Context(), "verify", "deep", map[string]int{"v": 1}, 0); err != nil {
		t.Fatal(err)
	}
	if err := c.OpenWorkflow(t.Context(), "verify", "deep", map[string]int{"v": 2}, 0); !errors.Is(err, ErrConflict) {
		t.Errorf("opened twice: %v", err)
	}
	value, revision, err := c.Workflow(t.Context(), "verify", "deep")
	if err != nil || string(value) != `{"v":1}` {
		t.Fatalf("%s %v", value, err)
	}
	// The watch may have begun after the first record came; it tells of the next one.
	end := time.After(30 * time.Second)
	for told := false; !told; {
		if err := c.OpenWorkflow(t.Context(), "verify", "deep", map[string]int{"v": 3}, revision); err != nil {
			t.Fatal(err)
		}
		_, revision, _ = c.Workflow(t.Context(), "verify", "deep")
		select {
		case <-changed:
			told = true
		case <-time.After(100 * time.Millisecond):
		case <-end:
			t.Fatal("nobody was told")
		}
	}
	if err := c.OpenWorkflow(t.Context(), "verify", "deep", 1, revision-1); !errors.Is(err, ErrConflict) {
		t.Errorf("an old revision: %v", err)
	}
}

// F14: documents expire only where a time to live is on.
func TestExpires(t *testing.T) {
	c := open(t)
	for _, want := range []bool{false, true} {
		if on, err := c.Expires(t.Context(), "movies"); on != want || err != nil {
			t.Errorf("%v %v", on, err)
		}
		if _, err := c.etcd.Put(t.Context(), c.key("ttl/movies"), `{"v":1,"enabled":true}`); err != nil {
			t.Fatal(err)
		}
	}
}
