package adminapi

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// TK-10, TK-1: an operator cancels a task by an order like a client's, under either spelling of its uid. What has ended, or
// is done as soon as it is accepted, is a conflict.
func TestTK10CancelOfOneTask(t *testing.T) {
	f := newFixture(t)
	at := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	open := task.Record{V: 1, Status: task.Enqueued, Type: task.DocumentAddition, Targets: []task.Target{{Node: "a"}}, EnqueuedAt: at}
	ended, made := open, open
	ended.Finish(at, nil)
	made.Type = task.IndexCreation
	f.tasks[0], f.tasks[1], f.tasks[2] = open, ended, made
	for path, want := range map[string]struct {
		status int
		code   apierr.Code
	}{
		"/_miroir/tasks/1/cancel": {http.StatusConflict, apierr.MiroirConflict}, "/_miroir/tasks/2/cancel": {http.StatusConflict, apierr.MiroirConflict},
		"/_miroir/tasks/9/cancel": {http.StatusNotFound, apierr.MiroirNotFound}, "/_miroir/tasks/x/cancel": {http.StatusNotFound, apierr.MiroirNotFound},
	} {
		if w := f.send("POST", path, "X-Admin-Key", key); w.Code != want.status || code(w) != want.code || len(f.tasks) != 3 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := f.send("POST", "/_miroir/tasks/0/cancel"); w.Code != http.StatusUnauthorized || len(f.tasks) != 3 {
		t.Errorf("without the key: %d", w.Code)
	}
	w := f.send("POST", "/_miroir/tasks/mtask-00000/cancel", "X-Admin-Key", key)
	var order3 struct {
		TaskUID   uint32 `json:"task_uid"`
		StatusURL string `json:"status_url"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &order3); err != nil || w.Code != http.StatusAccepted || order3.TaskUID != 3 || order3.StatusURL != "/_miroir/tasks/3" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	order := f.tasks[3]
	op, err := order.Ordered()
	if err != nil || op.Tasks != "0" || order.Type != task.TaskCancelation || order.Status != task.Enqueued ||
		string(order.Details) != `{"matchedTasks":1,"canceledTasks":null,"originalFilter":"?uids=0"}` {
		t.Errorf("%+v %s, %v", order, order.Details, err)
	}
}
