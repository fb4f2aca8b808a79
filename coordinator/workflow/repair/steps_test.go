package repair

import (
	"context"
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// records are tasks by their uids.
type records map[uint32]task.Record

func (r records) Marks(context.Context, string) ([]state.Mark, error) { return nil, nil }

func (r records) Task(_ context.Context, uid uint32) (task.Record, error) {
	t, ok := r[uid]
	if !ok {
		return t, state.ErrNotFound
	}
	t.UID = uid
	return t, nil
}

// WQ-4: only of a write that was refused, and that the source surely never took, is it known that it will not come.
func TestWQ4RefusedWrites(t *testing.T) {
	lacks := []task.Target{{Node: "a", Missed: true, Lacks: true}, {Node: "b"}}
	r := Repair{Store: records{
		1: {Status: task.Failed, Targets: lacks},
		2: {Status: task.Failed, Targets: []task.Target{{Node: "a", Missed: true}, {Node: "b", Missed: true, Lacks: true}}}, // nobody knows whether a has it
		3: {Status: task.Enqueued, Targets: lacks},
		4: {Status: task.Failed, Targets: lacks, Dispatch: "1"}, // another attempt at the first one
	}}
	got, err := r.refused(t.Context(), "a", []string{"1", "2", "3", "4", "5", "miroir-7", "-1"})
	if err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q %v", got, err)
	}
}
