package sidecar

import (
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

// Chaos, at the failpoints of sidecars: a node marked its own copies when the other ones were dirty already, and the fullest
// one counted as complete. Seed 124: the one that stayed is what the others are repaired by once more, for they had been already.
func TestTheLastCompleteCopyIsNotMarked(t *testing.T) {
	shard := []routing.Copy{{Node: "a", State: routing.CopyActive}, {Node: "b", State: routing.CopyActive}}
	ix := &routing.Index{}
	ix.Placement.Groups = map[int][][]routing.Copy{0: {shard, shard, shard}}
	dirty := func(shard int, node string) bool { return shard == 1 && node == "b" || shard == 2 }
	m, left := yield(ix, "a", []int{0, 1, 2}, dirty)
	if !slices.Equal(m.Nodes["a"], []int{0, 2}) || m.Keep[0] != "b" || len(m.Keep) != 1 || !slices.Equal(left, []int{1}) || !slices.Equal(m.Nodes["b"], []int{1}) {
		t.Errorf("%+v, left %v", m, left)
	}
}
