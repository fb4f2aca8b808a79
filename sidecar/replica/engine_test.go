package replica

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// fakeEngine takes writes, and says that all of them succeeded.
type fakeEngine struct {
	*httptest.Server
	mu     sync.Mutex
	tasks  []map[string]any                            // from number 100 on
	refuse func(index string, body int64) (status int) // 0: it is taken
}

func (e *fakeEngine) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	answer := map[string]any{"status": "available"}
	if index, write := strings.CutPrefix(req.URL.Path, "/indexes/"); write {
		index, _, _ = strings.Cut(index, "/")
		if status := e.refuse(index, req.ContentLength); status != 0 {
			w.WriteHeader(status)
			return
		}
		answer = map[string]any{
			"uid": 100 + len(e.tasks), "taskUid": 100 + len(e.tasks), "indexUid": index, "status": "succeeded",
			"customMetadata": req.URL.Query().Get("customMetadata"), "enqueuedAt": time.Now(),
		}
		e.tasks = append(e.tasks, answer)
		w.WriteHeader(http.StatusAccepted)
	} else if req.URL.Path == "/tasks" {
		answer = e.list(req)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (e *fakeEngine) list(req *http.Request) map[string]any {
	list := []map[string]any{}
	uids, statuses := req.URL.Query().Get("uids"), req.URL.Query().Get("statuses")
	for _, t := range slices.Backward(e.tasks) {
		uid, status := strconv.Itoa(t["uid"].(int)), t["status"].(string)
		if (uids == "" || slices.Contains(strings.Split(uids, ","), uid)) && (statuses == "" || slices.Contains(strings.Split(statuses, ","), status)) {
			list = append(list, t)
		}
	}
	return map[string]any{"results": list, "total": len(list), "next": nil}
}

// end says how a task ended.
func (e *fakeEngine) end(n int, status string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tasks[n]["status"] = status
}

// name is the dispatch id of a task.
func (e *fakeEngine) name(n int) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tasks[n]["customMetadata"].(string)
}

func (e *fakeEngine) writes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.tasks)
}

// view has two indexes, and does something before it shows them.
type view struct{ before func() }

func (v *view) View() *routing.View {
	if v.before != nil {
		v.before()
	}
	return &routing.View{Physical: map[string]*routing.Index{"movies": {}, "books": {}}}
}

// newNode returns a replica with an engine, of whose indexes it has movies and books.
func newNode(t *testing.T) (*Replica, *fakeEngine) {
	t.Helper()
	r, _ := newReplica(t)
	return r, attach(t, r)
}

// attach gives a replica an engine.
func attach(t *testing.T, r *Replica) *fakeEngine {
	t.Helper()
	e := &fakeEngine{refuse: func(string, int64) int { return 0 }}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	client, err := engine.New(e.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	r.Engine, r.Views = client, &view{}
	r.Dispatches = dispatch.New(client, zerolog.Nop(), dispatch.NewMetrics(prometheus.NewRegistry()), 1000)
	r.Dispatches.Heed(r)
	if err := r.Dispatches.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// reverse has an engine get two writes to a document in the wrong order.
func reverse(t *testing.T, r *Replica, index string, task uint32) {
	t.Helper()
	now := hlc.At(time.Now())
	older, newer := begin(t, r, index, index+"-older", now+1, guard.Update), begin(t, r, index, index+"-newer", now+2, guard.Update)
	newer.enqueue(t, task)
	older.enqueue(t, task+1)
}
