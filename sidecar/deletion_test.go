//go:build dataplane

package sidecar

import (
	"net/http"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// WQ-9: copies agree on the version of a deletion, though each node gets only the ids of its own shards, and those twice that clients send twice.
func TestWQ9DeletionHasTheSameVersionOnAllCopies(t *testing.T) {
	b := newBench(t)
	stamp := hlc.At(time.Now())
	version := func(uid string, ids ...string) nodeapi.Place {
		t.Helper()
		physical := b.index(uid, "id", 1)
		a := b.leg("POST", "/indexes/"+physical+"/documents/delete-batch", ids,
			nodeapi.Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Dispatch: uid, Stamp: stamp})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.finished(uid)
		for _, l := range b.listed(nodeapi.PathLeaves, nodeapi.LeavesQuery{Index: physical, Documents: []nodeapi.Document{{ID: "c"}}}) {
			if l.Kind == nodeapi.LeafDeleted {
				return l.Version
			}
		}
		t.Fatal("the deletion is not known")
		return nodeapi.Place{}
	}
	if one, other := version("41", "a", "b", "c", "c"), version("42", "c"); one != other {
		t.Errorf("%v and %v", one, other)
	}
}
