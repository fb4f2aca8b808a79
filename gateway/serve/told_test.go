package serve

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
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

// TK-10: what nodes say of the end of a task is not told before the gateway's view shows what the task was recorded with.
func TestTK10EndsThatNodesTellFollowTheView(t *testing.T) {
	k := newCluster(t)
	s := k.gateway(t, io.Discard)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"dispatches":[{"id":"5","state":"succeeded","task":{"uid":1,"status":"succeeded","finishedAt":"2026-11-26T00:00:00Z"}}]}`)
	}))
	defer node.Close()
	r := task.Record{
		UID: 5, Type: task.IndexDeletion, Status: task.Enqueued, EnqueuedAt: time.Now().UTC(), Targets: []task.Target{{Node: "n0"}},
	}
	if err := s.Store.CreateTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	blind, err := s.Store.WatchTasks(t.Context(), zerolog.Nop(), &state.ViewWatch{}) // its view hears of nothing
	if err != nil {
		t.Fatal(err)
	}
	view := &routing.View{Nodes: map[string]routing.Node{"n0": {Alive: true, NodeRecord: routing.NodeRecord{Address: node.URL}}}}
	later := task.Record{UID: 6, Type: task.IndexDeletion, Status: task.Succeeded, EnqueuedAt: time.Now().UTC()}
	if err := s.Store.CreateTask(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tasks.Wait(t.Context(), 6, func(task.Record) bool { return true }); err != nil { // the view shows what was before it
		t.Fatal(err)
	}
	if r, err = blind.Wait(t.Context(), 5, func(task.Record) bool { return true }); err != nil {
		t.Fatal(err)
	}
	sighted := s.Tasks
	for _, c := range []struct {
		tasks Tasks
		want  string
	}{{blind, task.Enqueued}, {sighted, task.Succeeded}} {
		s.Tasks = c.tasks
		if got := s.live(t.Context(), view, r)[0]; got.Status != c.want {
			t.Errorf("told as %s, want %s", got.Status, c.want)
		}
	}
}
