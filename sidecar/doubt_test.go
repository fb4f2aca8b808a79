//go:build dataplane

package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// WQ-9, chaos seed 513: a sidecar died when it had sent a write that the engine was still reading. The next one finds nothing of it at the
// engine at first, and knows of it when the engine has it.
func TestWQ9WhatADeadProcessSentIsInDoubt(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 1)
	b.add(things, "1", 1, `{"id":"a"}`)
	b.finished("1")
	b.stop()
	stamp := hlc.At(time.Now())
	j, err := journal.Open(b.journal, hlc.New(time.Now), journal.Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	w, err := j.Begin(journal.Leg{Index: things, Write: "late", Stamp: stamp, Kind: guard.Delete, Via: journal.Direct})
	if err == nil {
		err = w.Add(journal.Op{ID: []byte("a"), Version: guard.Version{Stamp: stamp}})
	}
	if err = errors.Join(err, w.Prepare()); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b.start()
	state := func() string {
		var found nodeapi.Dispatches
		a := b.leg("GET", nodeapi.PathDispatches+"?ids=late", nil, nodeapi.Leg{})
		if err := json.Unmarshal([]byte(a.body), &found); err != nil || len(found.Dispatches) != 1 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return found.Dispatches[0].State
	}
	if s := state(); s != nodeapi.StateUnknown {
		t.Fatalf("it is %s before the engine has it", s)
	}
	if a := b.direct("POST", "/indexes/"+things+"/documents/delete-batch?customMetadata=late", []string{"a"}); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	eventually(t, "the write is known, and the journal has it", func() error {
		leaves := b.listed(nodeapi.PathLeaves, nodeapi.LeavesQuery{Index: things, Documents: []nodeapi.Document{{ID: "a"}}})
		if s := state(); s != "succeeded" || len(leaves) != 1 || leaves[0].Kind != nodeapi.LeafDeleted || leaves[0].Version[0] != uint64(stamp) {
			return fmt.Errorf("%s, %+v", s, leaves)
		}
		return nil
	})
}
