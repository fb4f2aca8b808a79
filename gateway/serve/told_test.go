package serve

import (
	"testing"

	"github.com/miroir-search/miroir/internal/task"
)

// TK-7: a list does not take back the end of a task that was told already, and believes the record once there is one.
func TestListsKnowWhatWasTold(t *testing.T) {
	var told told
	open := &task.Record{UID: 7, Status: task.Enqueued}
	told.tell(task.Record{UID: 7, Status: task.Processing})
	if got := told.latest(open); got != open {
		t.Fatalf("a task that has not ended was remembered: %+v", got)
	}
	told.tell(task.Record{UID: 7, Status: task.Succeeded})
	if got := told.latest(open); got.Status != task.Succeeded || open.Status != task.Enqueued {
		t.Fatalf("%+v of %+v", got, open)
	}
	if got := told.latest(&task.Record{UID: 8}); got.Done() {
		t.Fatalf("%+v", got)
	}
	recorded := &task.Record{UID: 7, Status: task.Failed}
	if got := told.latest(recorded); got != recorded {
		t.Fatalf("%+v instead of the record", got)
	}
	if got := told.latest(open); got != open {
		t.Fatal("what is recorded was not forgotten")
	}
}

func TestToldIsBounded(t *testing.T) {
	var told told
	for uid := range uint32(2*maxTold + 1) {
		told.tell(task.Record{UID: uid, Status: task.Succeeded})
	}
	if n := len(told.tasks); n > maxTold {
		t.Fatalf("%d are remembered", n)
	}
	if !told.latest(&task.Record{UID: 2 * maxTold, Status: task.Enqueued}).Done() {
		t.Fatal("the newest was forgotten")
	}
}
