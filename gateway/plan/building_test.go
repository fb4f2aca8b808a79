package plan

import (
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

// WQ-2, WQ-10: a copy under construction gets every write, deletions as well, or copying would bring back what they deleted. It
// counts for no quorum, and is marked when it missed one.
func TestWQ10CopiesUnderConstructionGetWrites(t *testing.T) {
	v, ix := cluster(1, 3)
	ix.Placement.Groups[0][0][2].State = routing.CopyBuilding
	p := PlanWrite(v, ix, []int{0})
	if len(p.Legs) != 3 || !slices.Equal(p.Legs[2].Shards, []int{0}) {
		t.Fatalf("%+v", p.Legs)
	}
	for _, c := range []struct {
		acked    []string
		accepted bool
		mark     []string
	}{
		{[]string{"g0n0", "g0n1", "g0n2"}, true, nil},
		{[]string{"g0n0", "g0n1"}, true, []string{"g0n2"}},
		{[]string{"g0n0", "g0n2"}, false, []string{"g0n1"}}, // two complete copies need two
		{[]string{"g0n2"}, false, []string{"g0n2"}},
	} {
		got := p.Judge(acks(c.acked...), nil)
		var marked []string
		for node := range got.Mark {
			marked = append(marked, node)
		}
		if slices.Sort(marked); got.Accepted() != c.accepted || !slices.Equal(marked, c.mark) {
			t.Errorf("%v: accepted %v, marked %v", c.acked, got.Accepted(), marked)
		}
	}
}

// WQ-2: a group that is not active gets writes, and can make no shard succeed.
func TestWQ2OnlyActiveGroupsCount(t *testing.T) {
	v, ix := cluster(2, 1)
	for i := range v.Groups {
		if v.Groups[i].ID == 1 {
			v.Groups[i].State = routing.GroupInitializing
		}
	}
	p := PlanWrite(v, ix, []int{0})
	if len(p.Legs) != 2 {
		t.Fatalf("%+v", p.Legs)
	}
	if got := p.Judge(acks("g1n0"), nil); got.Accepted() {
		t.Errorf("accepted by a group that is not active: %+v", got)
	}
	if got := p.Judge(acks("g0n0"), nil); !got.Accepted() || !slices.Equal(got.DegradedGroups, []int{1}) {
		t.Errorf("%+v", got)
	}
}
