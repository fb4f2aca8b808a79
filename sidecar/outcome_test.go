//go:build dataplane

package sidecar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// R4: a deletion that the engine did not carry out is none, in the journal as well: anti-entropy would delete the document
// everywhere else. One from before, which was carried out, stays one, also where a write after it failed.
func TestR4WhatTheEngineDidNotCarryOutIsNoDeletion(t *testing.T) {
	b := newBench(t)
	things, other := b.index("things", "id", 2), b.index("other", "id", 2)
	shardOf := func(id string) int { return shardmap.ShardOf([]byte(id), 2) }
	remove := func(id, dispatch string) {
		t.Helper()
		a := b.leg("DELETE", "/indexes/"+things+"/documents/"+id, nil,
			nodeapi.Leg{Shards: []int{shardOf(id)}, Count: 2, PrimaryKey: "id", Dispatch: dispatch, Stamp: hlc.At(time.Now())})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	add := func(dispatch string, docs ...string) map[string]any {
		t.Helper()
		a := b.leg("POST", "/indexes/"+things+"/documents", documents(2, docs...),
			nodeapi.Leg{Shards: all(2), Count: 2, PrimaryKey: "id", Dispatch: dispatch, Stamp: hlc.At(time.Now())})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return b.finished(dispatch)
	}
	add("add", `{"id":"stays"}`, `{"id":"goes"}`)
	remove("goes", "goes")
	b.finished("goes")

	// A write fails in the engine: vectors are no text.
	if task := add("back", `{"id":"goes","_vectors":"none"}`); task["status"] != "failed" {
		t.Fatal(task)
	}

	// A deletion is stopped while the engine is busy with something else.
	for i := 0; ; i++ {
		var many []map[string]any
		for n := range 20_000 {
			many = append(many, map[string]any{"id": fmt.Sprint("m", n), "text": fmt.Sprint("many words ", n, " and round ", i)})
		}
		busy := b.direct("POST", "/indexes/"+other+"/documents", many)
		dispatch := fmt.Sprint("stopped-", i)
		remove("stays", dispatch)
		var found nodeapi.Dispatches
		if err := json.Unmarshal([]byte(b.leg("GET", nodeapi.PathDispatches+"?ids="+dispatch, nil, nodeapi.Leg{}).body), &found); err != nil {
			t.Fatal(err)
		}
		var task struct {
			UID int `json:"uid"`
		}
		if err := json.Unmarshal(found.Dispatches[0].Task, &task); err != nil {
			t.Fatal(err)
		}
		b.direct("POST", fmt.Sprint("/tasks/cancel?uids=", task.UID), nil)
		if b.finished(dispatch)["status"] == "canceled" {
			break
		}
		if i == 20 {
			t.Fatalf("the engine is always too fast: %d", busy.status)
		}
		add(fmt.Sprint("again-", i), `{"id":"stays"}`)
	}

	kinds := func(id string, leaves []nodeapi.Leaf) (list []nodeapi.LeafKind) {
		for _, l := range leaves {
			if string(l.ID) == id {
				list = append(list, l.Kind)
			}
		}
		return list
	}
	for id, want := range map[string]nodeapi.LeafKind{"stays": nodeapi.LeafStored, "goes": nodeapi.LeafDeleted} {
		shard := shardOf(id)
		inventory := b.listed(nodeapi.PathInventory, nodeapi.InventoryQuery{Index: things, Shard: shard, Journaled: true})
		if got := kinds(id, inventory); !slices.Equal(got, []nodeapi.LeafKind{want}) {
			t.Errorf("%s in the inventory: %q", id, got)
		}
		leaves := b.listed(nodeapi.PathLeaves, nodeapi.LeavesQuery{Index: things, Documents: []nodeapi.Document{{Shard: shard, ID: id}}})
		if got := kinds(id, leaves); !slices.Equal(got, []nodeapi.LeafKind{want}) {
			t.Errorf("%s: %q", id, got)
		}
	}
}

// §6 "Order": a write that came late is not lost with newer ones that the engine fails to carry out: those had hidden it, or made it void,
// or were to be sent again with it.
func TestLateWritesOutliveNewerOnesThatFail(t *testing.T) {
	b := newBench(t)
	ix := b.index("things", "id", 1)
	stamp := hlc.At(time.Now())
	write := func(method, dispatch string, at hlc.Stamp, d map[string]any) {
		t.Helper()
		if a := (operation{method: method, stamp: at, dispatch: dispatch, docs: []map[string]any{d}}).leg(b, ix, 1); a.status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", dispatch, a.status, a.body)
		}
	}
	for n, method := range []string{http.MethodPut, http.MethodPost} {
		id := fmt.Sprint("d", n)
		bad, late := "bad-"+id, "late-"+id
		write(method, bad, stamp+2, map[string]any{"id": id, "b": 1.0, "_vectors": "none"})
		if task := b.finished(bad); task["status"] != "failed" { // as vectors are no text
			t.Fatal(task)
		}
		write(http.MethodPut, late, stamp+1, map[string]any{"id": id, "a": 1.0})
		if task := b.finished(late); task["status"] != "succeeded" {
			t.Fatal(task)
		}
		if got := b.stored(ix)[id]; got["a"] != 1.0 || got["b"] != nil {
			t.Errorf("under a %s that failed: %v", method, got)
		}
	}
}
