package transfer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
	"github.com/miroir-search/miroir/sidecar/replica"
)

// busyEngine has a task on all documents of an index to do, which deletes the only document. It does it when it was asked twice.
type busyEngine struct {
	mu    sync.Mutex
	asked int
	body  string
}

const wideTask = 7

func (e *busyEngine) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	results := []json.RawMessage{}
	switch {
	case strings.HasPrefix(req.URL.Path, "/indexes/"):
		if e.asked < 2 {
			results = append(results, json.RawMessage(e.body))
		}
	case req.URL.Query().Get("statuses") != "":
		if e.asked++; e.asked < 2 {
			results = append(results, json.RawMessage(`{"uid":7,"status":"processing","type":"documentDeletion"}`))
		}
	}
	_ = json.NewEncoder(w).Encode(struct {
		Results []json.RawMessage `json:"results"` // documents are read as they come, and come first
		Total   int               `json:"total"`
	}{results, len(results)})
}

// WQ-6, WQ-10: a copy has the effect of every operation on all documents that the node has, though the engine was not done with it when
// the copy was asked for. While one is on its way nobody gets any.
func TestCopiesHaveTheEffectOfOperationsOnAllDocuments(t *testing.T) {
	e := &busyEngine{}
	server := httptest.NewServer(e)
	defer server.Close()
	client, err := engine.New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	clock := hlc.New(time.Now)
	j, err := journal.Open(t.TempDir(), clock, journal.Options{Metrics: journal.NewMetrics(prometheus.NewRegistry()), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	written := clock.Next()
	e.body = `{"id":"a","_miroir_updated_at":"` + string(nodeapi.AppendStamp(nil, written, 0)) + `"}`
	r := replica.New(replica.Config{Journal: j, Clock: clock, Engine: client, Log: zerolog.Nop(), Metrics: replica.NewMetrics(prometheus.NewRegistry())})
	s := Source{Node{Engine: client, Journal: j, Replica: r}}
	p := place{index: &routing.Index{IndexRecord: routing.IndexRecord{Physical: "movies--0", PrimaryKey: "id"}}, shelf: shelf{client, "movies--0", "id"}}
	ask := func() nodeapi.Copy {
		t.Helper()
		copies, err := s.copies(t.Context(), p, []nodeapi.Document{{ID: "a"}})
		if err != nil || len(copies) != 1 {
			t.Fatalf("%v, %v", copies, err)
		}
		return copies[0]
	}
	if c := ask(); c.Unsettled || c.Body == nil {
		t.Errorf("before anything: %+v", c)
	}
	w, err := j.Begin(journal.Leg{Index: "movies--0", Write: "filter", Stamp: clock.Next(), Kind: guard.Select})
	if err == nil {
		err = w.Prepare()
	}
	if err != nil {
		t.Fatal(err)
	}
	if c := ask(); !c.Unsettled {
		t.Errorf("nobody knows whether the engine has the operation, and the copy is %+v", c)
	}
	if err := w.Register(wideTask); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	if c := ask(); c.Unsettled || c.Body != nil {
		t.Errorf("the operation deletes the document, and the copy is %+v", c)
	}
}
