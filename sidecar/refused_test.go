//go:build dataplane

package sidecar

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// WQ-4, WQ-6: what a dirty copy took of a write that was refused is left only as long as nobody knows whether the source gets it
// yet. Once it is known, it is undone at once, and does not come back on top of the source's document.
func TestWQ6WhatWasRefusedIsUndone(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 1)
	now := hlc.At(time.Now())
	send := func(dispatch string, stamp hlc.Stamp, docs ...string) {
		t.Helper()
		a := b.leg("POST", "/indexes/"+things+"/documents", documents(1, docs...),
			nodeapi.Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Dispatch: dispatch, Stamp: stamp})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.finished(dispatch)
	}
	send("101", now+1, `{"id":"a","n":1}`, `{"id":"b","n":1}`)
	send("102", now+2, `{"id":"a","n":2}`) // refused: the source was down

	// The source has what was accepted, and nothing else.
	stored := map[string]string{}
	fetched := b.direct("POST", "/indexes/"+things+"/documents/fetch", map[string]any{"limit": 10})
	for _, d := range list(t, fetched.body) {
		id, _ := d["id"].(string)
		d["n"] = 1
		if id == "a" {
			d[nodeapi.FieldUpdatedAt] = string(nodeapi.AppendStamp(nil, now+1, 0))
		}
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		stored[id] = string(raw)
	}
	take := repairFrom(b, things, now+9, func(id string) nodeapi.Copy {
		return nodeapi.Copy{Version: nodeapi.Place{uint64(now + 1), uint64(slices.Index([]string{"a", "b"}, id))}, Body: []byte(stored[id])}
	}, "a", "b")
	take()
	out := take()
	if out.Done || out.Deferred != 1 || !slices.Equal(out.Ahead, []string{"102"}) {
		t.Fatalf("%+v", out)
	}
	if out = take("102"); !out.Done || out.Written != 1 {
		t.Fatalf("%+v", out)
	}
	got := b.direct("GET", "/indexes/"+things+"/documents/a", nil).body
	if !strings.Contains(got, `"n":1`) {
		t.Errorf("the refused write stays: %s", got)
	}
	// The next write that comes late has everything looked at again: the refused one must not be sent again.
	send("103", now+3, `{"id":"a","m":3,"n":1}`)
	if n := list(t, b.direct("GET", "/tasks?statuses=enqueued,processing", nil).body); len(n) > 0 {
		t.Errorf("%v", n)
	}
	if leaves := b.listed(nodeapi.PathLeaves, nodeapi.LeavesQuery{Index: things, Documents: []nodeapi.Document{{ID: "a"}}}); len(leaves) != 1 || leaves[0].Version[0] != uint64(now+3) {
		t.Errorf("%+v", leaves)
	}
}

// WQ-4, WQ-6: a refused write stands between others in the history of a dirty copy: its name is told, and once it is known to be refused the
// document becomes what the source has.
func TestWQ6WhatWasRefusedBetweenOthersIsUndone(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 1)
	now := hlc.At(time.Now())
	for i, w := range []struct{ method, doc string }{
		{"POST", `{"id":"a","n":1}`}, {"POST", `{"id":"a","n":2}`}, {"PUT", `{"id":"a","m":3}`}, // the second one is refused
	} {
		dispatch := string(rune('1' + i))
		leg := nodeapi.Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Dispatch: dispatch, Stamp: now + hlc.Stamp(i)} //nolint:gosec // small
		if a := b.leg(w.method, "/indexes/"+things+"/documents", documents(1, w.doc), leg); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.finished(dispatch)
	}
	shown := list(t, b.direct("POST", "/indexes/"+things+"/documents/fetch", map[string]any{"limit": 1}).body)[0]
	shown["n"] = 1
	body, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	take := repairFrom(b, things, now+9, func(string) nodeapi.Copy {
		return nodeapi.Copy{Version: nodeapi.Place{uint64(now + 2), 0}, Floor: nodeapi.Place{uint64(now), 0}, Body: body}
	}, "a")
	take()
	out := take()
	if out.Done || out.Deferred != 1 || !slices.Equal(out.Ahead, []string{"2"}) {
		t.Fatalf("%+v", out)
	}
	if out = take("2"); !out.Done || out.Written != 1 {
		t.Fatalf("%+v", out)
	}
	if got := b.direct("GET", "/indexes/"+things+"/documents/a", nil).body; !strings.Contains(got, `"n":1`) || !strings.Contains(got, `"m":3`) {
		t.Errorf("%s", got)
	}
}

// repairFrom makes a source that has some documents, all of which changed lately, and returns what does one step of a repair from it.
func repairFrom(b *bench, index string, through hlc.Stamp, copied func(id string) nodeapi.Copy, ids ...string) func(refused ...string) nodeapi.RepairResult {
	b.t.Helper()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q nodeapi.CopiesQuery
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &q)
		if r.URL.Path == nodeapi.PathChanges {
			changes := nodeapi.Changes{Through: through}
			for _, id := range ids {
				changes.Documents = append(changes.Documents, nodeapi.Document{ID: id})
			}
			_ = json.NewEncoder(w).Encode(changes)
			return
		}
		var lines []byte
		for _, d := range q.Documents {
			c := copied(d.ID)
			c.Document = d
			lines, _ = nodeapi.AppendCopy(lines, c)
		}
		_, _ = w.Write(append(lines, nodeapi.ListEnd+"\n"...))
	}))
	b.t.Cleanup(source.Close)
	step := nodeapi.RepairStep{
		Index: index, Shards: "0", Source: "node-9", Address: source.URL, Mode: nodeapi.RepairChanges, From: hlc.At(time.Now().Add(time.Hour)), Limit: 100,
	}
	return func(refused ...string) (out nodeapi.RepairResult) {
		b.t.Helper()
		step.Refused = refused
		a := b.leg("POST", nodeapi.PathRepair, step, nodeapi.Leg{})
		if err := json.Unmarshal([]byte(a.body), &out); a.status != http.StatusOK || err != nil {
			b.t.Fatalf("%d %s", a.status, a.body)
		}
		step.Cursor = out.Cursor
		return out
	}
}

// list reads an engine's list.
func list(t *testing.T, body string) []map[string]any {
	t.Helper()
	var page struct {
		Results []map[string]any `json:"results"`
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err, body)
	}
	return page.Results
}
