package state

import (
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/task"
)

// TE-7: a stamp that was seen while this clock was ahead does not hide the others once it is right.
func TestStampOfTasksWhenTheClockWasAhead(t *testing.T) {
	w := &TaskWatch{byUID: map[uint32]*task.Record{}, open: map[uint32]int64{}, version: map[string]uint64{}}
	now := time.Now()
	right, ahead := hlc.At(now.Add(-time.Second)), hlc.At(now.Add(10*time.Minute))
	w.put(&task.Record{UID: 1, Stamp: right}, 1)
	w.put(&task.Record{UID: 2, Stamp: ahead}, 2)
	if got := w.Stamp(); got != right {
		t.Errorf("%s, want %s", got.Time(), right.Time())
	}
	w.stamp = ahead // as it was taken by a clock that was ahead as well
	if got := w.Stamp(); got != right {
		t.Errorf("once the clock is right: %s, want %s", got.Time(), right.Time())
	}
}
