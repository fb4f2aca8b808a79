package state

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
)

// marksOf lists markers without their records.
func marksOf(t *testing.T, c *Client) map[copyKey]Mark {
	t.Helper()
	list, err := c.Marks(t.Context(), "a--1")
	if err != nil {
		t.Fatal(err)
	}
	out := map[copyKey]Mark{}
	for _, m := range list {
		out[copyKey{m.Shard, m.Node}] = m
	}
	return out
}

// WQ-6: a marker keeps the earliest stamp, gets a new revision with every miss, and goes only by the revision that was
// repaired.
func TestWQ6MarkersAreCollapsedAndCleared(t *testing.T) {
	c := open(t)
	shards := make([]int, 130) // more than a transaction takes
	for i := range shards {
		shards[i] = i
	}
	if err := c.MarkDirty(t.Context(), "a--1", "b", shards, Miss{From: 50, Reason: "first"}); err != nil {
		t.Fatal(err)
	}
	before := marksOf(t, c)
	var wg sync.WaitGroup
	for _, from := range []hlc.Stamp{70, 40, 60, 45} {
		wg.Go(func() {
			if err := c.MarkDirty(t.Context(), "a--1", "b", []int{7}, Miss{From: from, Reason: "later"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	after := marksOf(t, c)
	seven := after[copyKey{7, "b"}]
	if len(after) != 130 || seven.Record.From != 40 || seven.Record.Reason != "first" || seven.Revision <= before[copyKey{7, "b"}].Revision {
		t.Fatalf("%d markers, %+v", len(after), seven)
	}
	if err := c.MarkDirty(t.Context(), "a--1", "b", []int{8}, Miss{Whole: true}); err != nil {
		t.Fatal(err)
	}
	if eight := marksOf(t, c)[copyKey{8, "b"}]; !eight.Record.Whole || eight.Record.From != 0 {
		t.Fatalf("%+v", eight)
	}
	l, err := c.Campaign(t.Context(), "scope", "one", 5)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MarkDirty(t.Context(), "a--1", "a", []int{9}, Miss{From: 1}); err != nil {
		t.Fatal(err)
	}
	var list []Clearing
	for _, s := range []int{6, 7, 9} {
		list = append(list, Clearing{s, before[copyKey{s, "b"}].Revision, "a"})
	}
	left, err := l.ClearDirty(t.Context(), "a--1", "b", list)
	if slices.Sort(left); err != nil || !reflect.DeepEqual(left, []int{7, 9}) {
		t.Fatalf("left %v %v", left, err)
	}
	if left, err = l.ClearDirty(t.Context(), "a--1", "b", list[:1]); err != nil || len(left) != 0 {
		t.Fatalf("cleared twice: %v %v", left, err)
	}
	if err := l.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.ClearDirty(t.Context(), "a--1", "b", list); !errors.Is(err, ErrLostLeadership) {
		t.Fatalf("cleared after the leadership: %v", err)
	}
}

// WQ-6: a decision that rests on a complete copy is made again when that copy is marked first.
func TestWQ6MarksRestOnACompleteCopy(t *testing.T) {
	c := open(t)
	calls := 0
	err := c.MarkMissed(t.Context(), "a--1", Miss{From: 5}, func(dirty DirtyFunc) Marking {
		if calls++; calls == 1 {
			if err := c.MarkDirty(t.Context(), "a--1", "keeper", []int{3}, Miss{From: 4}); err != nil {
				t.Error(err)
			}
			return Marking{Nodes: map[string][]int{"other": {3}}, Keep: map[int]string{3: "keeper"}}
		}
		if !dirty(3, "keeper") || dirty(3, "other") {
			t.Error("the second decision is not made by the newest markers")
		}
		return Marking{}
	})
	if got := marksOf(t, c); err != nil || calls != 2 || len(got) != 1 {
		t.Fatalf("%d calls, %v, %v", calls, got, err)
	}
}

// A marker that counts only while its index is placed does not outlive it, and the judge sees what the markers say.
func TestMarksOfAPlacedIndex(t *testing.T) {
	c := open(t)
	mark := func() error {
		return c.MarkBy(t.Context(), "a--1", Miss{Whole: true, Placed: true, Reason: "lost"}, func(mark MarkFunc) Marking {
			if rec, dirty := mark(2, "b"); dirty && (!rec.Whole || rec.From != 0) {
				t.Errorf("the judge is shown %+v", rec)
			}
			return Marking{Nodes: map[string][]int{"b": {2}}}
		})
	}
	if err := mark(); !errors.Is(err, ErrNotFound) || len(marksOf(t, c)) != 0 {
		t.Fatalf("without a placement: %v", err)
	}
	ix := routing.IndexRecord{V: 1, UID: "a", Physical: "a--1", Shards: 3}
	if _, err := c.CreateIndex(t.Context(), ix, routing.PlacementRecord{V: 1, Physical: "a--1", Shards: 3}, routing.SettingsRecord{}); err != nil {
		t.Fatal(err)
	}
	if err := mark(); err != nil {
		t.Fatal(err)
	}
	before := marksOf(t, c)[copyKey{2, "b"}]
	if err := mark(); err != nil {
		t.Fatal(err)
	}
	if after := marksOf(t, c)[copyKey{2, "b"}]; !after.Record.Whole || after.Revision <= before.Revision {
		t.Errorf("%+v, then %+v", before, after)
	}
}
