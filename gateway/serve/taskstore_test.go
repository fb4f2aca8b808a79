package serve

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/operation"
)

// Chaos seed 2126: etcd died when a task had been accepted and the gateway had not heard of it yet. Nobody can tell then whether there is such
// a task, so the answer is not that there is none.
func TestATaskThatNobodyCanLookUpIsNotMissing(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	s.Limits.State = 200 * time.Millisecond
	get := func(kind operation.Kind, path string) int {
		t.Helper()
		c := &call{Request: &extproc.Request{Method: "GET", Path: path + "7"}, op: operation.Operation{Kind: kind, ID: "7"}, view: s.Views.View(), now: time.Now()}
		if kind == operation.GetBatch {
			return s.getBatch(t.Context(), c).Status
		}
		return s.getTask(t.Context(), c).Status
	}
	kinds := map[operation.Kind]string{operation.GetTask: "/tasks/", operation.GetBatch: "/batches/"}
	for kind, path := range kinds {
		if status := get(kind, path); status != http.StatusNotFound {
			t.Errorf("%s7: %d", path, status)
		}
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for kind, path := range kinds {
		if status := get(kind, path); status != http.StatusServiceUnavailable {
			t.Errorf("%s7 without the store: %d", path, status)
		}
	}
}
