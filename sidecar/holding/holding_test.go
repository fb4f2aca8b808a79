package holding

import (
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

func index(copies ...[]routing.Copy) *routing.Index {
	return &routing.Index{
		IndexRecord: routing.IndexRecord{Physical: "a--1", Shards: len(copies)},
		Placement:   routing.PlacementRecord{Groups: map[int][][]routing.Copy{0: copies}},
	}
}

// RD-3: what is held, what of it may answer.
func TestRD3Holding(t *testing.T) {
	ix := index(
		[]routing.Copy{{Node: "n", State: routing.CopyActive}, {Node: "m", State: routing.CopyActive}},
		[]routing.Copy{{Node: "n", State: routing.CopyBuilding}},
		[]routing.Copy{{Node: "m", State: routing.CopyActive}},
		[]routing.Copy{{Node: "n", State: routing.CopyDraining}},
	)
	h := Of(ix, "n")
	if !slices.Equal(h.Held, []int{0, 1, 3}) {
		t.Error(h.Held)
	}
	for _, c := range []struct {
		shards         []int
		holds, answers bool
	}{
		{[]int{0, 3}, true, true}, {[]int{0, 1}, true, false}, {[]int{2}, false, false}, {nil, true, true}, {[]int{9}, false, false},
	} {
		if h.Holds(c.shards) != c.holds || h.Answers(c.shards) != c.answers {
			t.Errorf("%v: %v %v", c.shards, h.Holds(c.shards), h.Answers(c.shards))
		}
	}
}

// An index is exact after it was verified, until a shard leaves.
func TestExactness(t *testing.T) {
	here := []routing.Copy{{Node: "n", State: routing.CopyActive}}
	there := []routing.Copy{{Node: "m", State: routing.CopyActive}}
	b := NewBook("n")
	both, one := Of(index(here, here), "n"), Of(index(here, there), "n")
	if b.Exact("a--1", both) {
		t.Error("exact before anybody looked")
	}
	b.Fresh("a--1", one)
	if !b.Exact("a--1", one) || !b.Exact("a--1", both) {
		t.Error("more shards than were verified are still exact")
	}
	b.narrow("a--1", both)
	if !b.Exact("a--1", both) || b.Exact("a--1", one) {
		t.Error("a shard that left makes the index inexact")
	}
	b.Forget("a--1")
	if b.Exact("a--1", both) {
		t.Error("exact after it was forgotten")
	}
}

func TestBookCachesByView(t *testing.T) {
	b := NewBook("n")
	ix := index([]routing.Copy{{Node: "n", State: routing.CopyActive}})
	v1, v2 := &routing.View{Epoch: 1}, &routing.View{Epoch: 2}
	first := b.In(v1, ix)
	if b.In(v1, ix) != first {
		t.Error("computed twice for one view")
	}
	b.In(v2, ix)
	if len(b.cache) != 1 || b.view != v2 {
		t.Error("the cache of an old view is kept")
	}
	b.In(v1, ix)
	if b.view != v2 {
		t.Error("an old view took the cache over")
	}
}
