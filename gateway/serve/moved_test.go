package serve

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// Chaos seeds 13 and 17: an index was deleted while it was swapped, and the task said that there was none.
func TestADeletionFollowsASwap(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	for _, uid := range []string{"a", "b"} {
		ix := routing.IndexRecord{V: routing.Version, UID: uid, Physical: uid + "--1", Shards: 1, CreatedAt: time.Now()}
		placement := routing.PlacementRecord{V: routing.Version, Physical: ix.Physical, Shards: 1, Groups: map[int][][]routing.Copy{0: {{}}}}
		if _, err := s.Store.CreateIndex(t.Context(), ix, placement, routing.SettingsRecord{}); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Views.Wait(t.Context(), func(v *routing.View) bool { return len(v.Indexes) == 2 })
	if err != nil {
		t.Fatal(err)
	}
	c := &call{Request: &extproc.Request{Method: "DELETE", Path: "/indexes/a"}, op: operation.Operation{Kind: operation.DeleteIndex, Index: "a"}, view: before, now: time.Now()}
	r, err := s.newTask(t.Context(), c, task.IndexDeletion, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.With(state.Receipt{}).SwapIndexes(t.Context(), []state.Swap{{A: "a", B: "b"}}); err != nil {
		t.Fatal(err)
	}
	s.dropIndex(t.Context(), c, r)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	after, err := s.Views.Wait(ctx, func(v *routing.View) bool { return len(v.Indexes) == 1 })
	if err != nil {
		t.Fatal(err)
	}
	if left := after.Indexes["b"]; left == nil || left.Physical != "a--1" {
		t.Errorf("left is %+v", left)
	}
}

// Chaos seed 1044: who is told that an index is gone does not see it in the next answer of the same gateway.
func TestAnIndexThatIsGoneIsNotSeenAgain(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	ix := routing.IndexRecord{V: routing.Version, UID: "a", Physical: "a--1", Shards: 1, CreatedAt: time.Now()}
	placement := routing.PlacementRecord{V: routing.Version, Physical: ix.Physical, Shards: 1, Groups: map[int][][]routing.Copy{0: {{}}}}
	for range 20 {
		if _, err := s.Store.CreateIndex(t.Context(), ix, placement, routing.SettingsRecord{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Views.Wait(t.Context(), func(v *routing.View) bool { return v.Indexes["a"] != nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Store.DeleteIndex(t.Context(), "a", ix.Physical, nil); err != nil {
			t.Fatal(err)
		}
		s.vanished(t.Context(), "a", "never")
		if s.Views.View().Indexes["a"] != nil {
			t.Fatal("the index is still seen")
		}
	}
}
