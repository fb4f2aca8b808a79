//go:build dataplane

package sidecar

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// WQ-6: while a source tells what it has of a document, all documents are deleted, here and there. The document is written after the
// deletion nevertheless, so it is not told equal: it is looked at again.
func TestWQ6ACopyThatADeletionOfAllOvertookIsLookedAtAgain(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 1)
	now := hlc.At(time.Now())
	a := b.leg("POST", "/indexes/"+things+"/documents", documents(1, `{"id":"a","n":1}`),
		nodeapi.Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Dispatch: "101", Stamp: now + 1})
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.finished("101")
	stored := list(t, b.direct("POST", "/indexes/"+things+"/documents/fetch", map[string]any{"limit": 10}).body)[0]
	stored["id"], stored[nodeapi.FieldUpdatedAt] = "b", string(nodeapi.AppendStamp(nil, now+2, 0))
	raw, err := json.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	overtaken := false
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q nodeapi.CopiesQuery
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &q)
		if r.URL.Path == nodeapi.PathChanges {
			_ = json.NewEncoder(w).Encode(nodeapi.Changes{Documents: []nodeapi.Document{{ID: "b"}}, Through: now + 2})
			return
		}
		c := nodeapi.Copy{Document: nodeapi.Document{ID: "b"}}
		if !overtaken {
			overtaken = true
			c.Version, c.Body = nodeapi.Place{uint64(now + 2), 0}, raw
			if a := b.leg("DELETE", "/indexes/"+things+"/documents", "", nodeapi.Leg{Shards: all(1), Count: 1, Dispatch: "103", Stamp: now + 3}); a.status != http.StatusAccepted {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		var lines []byte
		for range q.Documents {
			lines, _ = nodeapi.AppendCopy(lines, c)
		}
		_, _ = w.Write(append(lines, nodeapi.ListEnd+"\n"...))
	}))
	defer source.Close()

	step := nodeapi.RepairStep{
		Index: things, Shards: "0", Source: "node-9", Address: source.URL, Mode: nodeapi.RepairChanges, From: hlc.At(time.Now().Add(time.Hour)), Limit: 100,
	}
	// The source's list, and then the own one.
	for n, want := range []int{1, 1} {
		var out nodeapi.RepairResult
		a := b.leg("POST", nodeapi.PathRepair, step, nodeapi.Leg{})
		if err := json.Unmarshal([]byte(a.body), &out); a.status != http.StatusOK || err != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if out.Done || out.Deferred != want {
			t.Errorf("step %d: %+v", n, out)
		}
		step.Cursor = out.Cursor
	}
	if !overtaken {
		t.Error("nobody asked the source")
	}
}
