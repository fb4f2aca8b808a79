package settings

import (
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/task"
)

// F5: a change is patient once with a node that lives and gives no usable answer, whatever phase it is in and wherever its runner
// dies, not anew for every question, attempt and successor.
func TestF5SilentNodeIsWaitedForOnce(t *testing.T) {
	for name, refuses := range map[string]bool{"commit": false, "rollback": true} {
		for die := range 16 {
			w := newWorld(t)
			w.policy.VerifyTimeoutS = 60
			w.engines["c"].tires, w.engines["b"].refuses, w.dieAt = true, refuses, die
			r := w.change(1, `{"stopWords":["x"]}`)
			if want := map[bool]string{false: task.Succeeded, true: task.Failed}[refuses]; r.Status != want {
				t.Fatalf("%s, die at %d: %s %v", name, die, r.Status, r.Error)
			}
			if most := w.policy.VerifyTimeout() + 30*time.Second; w.waited > most {
				t.Errorf("%s, die at %d: %s were waited for the node, of %s that it may be silent (%v)", name, die, w.waited, w.policy.VerifyTimeout(), w.phases)
			}
		}
	}
}
