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
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q nodeapi.CopiesQuery
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &q)
		if r.URL.Path == nodeapi.PathChanges {
			_ = json.NewEncoder(w).Encode(nodeapi.Changes{Documents: []nodeapi.Document{{ID: "a"}, {ID: "b"}}, Through: now + 9})
			return
		}
		var lines []byte
		for _, d := range q.Documents {
			lines, _ = nodeapi.AppendCopy(lines, nodeapi.Copy{
				Document: d, Version: nodeapi.Place{uint64(now + 1), uint64(slices.Index([]string{"a", "b"}, d.ID))}, Body: []byte(stored[d.ID]),
			})
		}
		_, _ = w.Write(append(lines, nodeapi.ListEnd+"\n"...))
	}))
	defer source.Close()

	step := nodeapi.RepairStep{
		Index: things, Shards: "0", Source: "node-9", Address: source.URL, Mode: nodeapi.RepairChanges, From: hlc.At(time.Now().Add(time.Hour)), Limit: 100,
	}
	take := func() (out nodeapi.RepairResult) {
		t.Helper()
		a := b.leg("POST", nodeapi.PathRepair, step, nodeapi.Leg{})
		if err := json.Unmarshal([]byte(a.body), &out); a.status != http.StatusOK || err != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		step.Cursor = out.Cursor
		return out
	}
	take()
	out := take()
	if out.Done || out.Deferred != 1 || !slices.Equal(out.Ahead, []string{"102"}) {
		t.Fatalf("%+v", out)
	}
	step.Refused = []string{"102"}
	if out = take(); !out.Done || out.Written != 1 {
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
