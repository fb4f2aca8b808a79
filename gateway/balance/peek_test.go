package balance

import (
	"reflect"
	"testing"
	"time"

	"github.com/miroir-search/miroir/gateway/plan"
)

// F20, A20.2: what a query would be planned as is what it is planned as, with slow nodes too; looking changes nothing.
func TestA202PeekIsWhatIsChosen(t *testing.T) {
	for _, shape := range shapes {
		w := newWorld(shape.nodes, shape.copies)
		w.live.ReplicaSelection.ExplorationEpsilon = 0
		normal := w.node
		w.node = func(name string, at time.Time) (time.Duration, bool) {
			took, fails := normal(name, at)
			if name == "n1" {
				took += 12 * time.Millisecond
			}
			return took, fails
		}
		w.run(20*time.Second, 10*time.Millisecond)
		for q := range uint64(300) {
			looked := w.Peek(q*7919, w.cover)
			if again := w.Peek(q*7919, w.cover); !reflect.DeepEqual(looked, again) {
				t.Fatalf("%+v, then %+v", looked, again)
			}
			if chosen, _ := w.Choose(q*7919, w.cover); !reflect.DeepEqual(looked, chosen) {
				t.Fatalf("query %d: looked like %+v, is %+v", q, looked, chosen)
			}
			if after := w.Peek(q*7919, w.cover); !reflect.DeepEqual(looked, after) {
				t.Fatalf("query %d: %+v once it is remembered", q, after)
			}
		}
	}
	var none *Tracker
	if p := none.Peek(3, func(seed uint64, _ plan.Avoid) plan.Read { return plan.Read{Epoch: int64(seed)} }); p.Epoch != 3 { //nolint:gosec // small
		t.Errorf("%+v", p)
	}
}
