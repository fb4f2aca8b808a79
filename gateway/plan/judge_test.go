package plan

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// WQ-2, WQ-6: whatever the nodes say, the copies that stay complete either all have the write or all surely lack it, or
// there is one; a shard keeps a complete copy; and what was accepted is on all copies that stay complete.
func TestWQ6CompleteCopiesStayAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, rf := rapid.IntRange(1, 2).Draw(t, "groups"), rapid.IntRange(1, 3).Draw(t, "rf")
		var down []string
		for g := range groups {
			for i := range rf {
				if rapid.IntRange(0, 3).Draw(t, "down") == 0 {
					down = append(down, fmt.Sprintf("g%dn%d", g, i))
				}
			}
		}
		v, ix := cluster(groups, rf, down...)
		p := PlanWrite(v, ix, []int{0})
		said := Acks{Acked: map[string]bool{}, Unsure: map[string]bool{}}
		dirty := map[string]bool{}
		for _, c := range p.Copies[0] {
			dirty[c.Node] = rapid.IntRange(0, 2).Draw(t, "dirty") == 0
			if !c.Down {
				switch rapid.IntRange(0, 2).Draw(t, "says") {
				case 0:
					said.Acked[c.Node] = true
				case 1:
					said.Unsure[c.Node] = true
				}
			}
		}
		got := p.Judge(said, func(_ int, node string) bool { return dirty[node] })
		var before, after []string
		for _, c := range p.Copies[0] {
			if dirty[c.Node] {
				continue
			}
			before = append(before, c.Node)
			if len(got.Mark[c.Node]) == 0 {
				after = append(after, c.Node)
			}
		}
		if len(before) > 0 && len(after) == 0 {
			t.Fatalf("no complete copy is left of %v", before)
		}
		all := func(is func(string) bool) bool {
			return !slices.ContainsFunc(after, func(n string) bool { return !is(n) })
		}
		have := all(func(n string) bool { return said.Acked[n] })
		lack := all(func(n string) bool { return !said.Acked[n] && !said.Unsure[n] })
		if len(after) > 1 && !have && !lack {
			t.Fatalf("complete copies %v are not alike: %+v", after, said)
		}
		if got.Accepted() && (!have || len(after) == 0) {
			t.Fatalf("accepted, and %v stay complete: %+v", after, said)
		}
		if keep, ok := got.Keep[0]; ok && !slices.Contains(after, keep) {
			t.Fatalf("%s is kept, %v stay complete", keep, after)
		}
		for _, c := range p.Copies[0] {
			// A dirty copy's marker gets a new revision when it may differ from the complete ones.
			differs := have && !said.Acked[c.Node] || lack && (said.Acked[c.Node] || said.Unsure[c.Node])
			if dirty[c.Node] && len(after) > 0 && len(got.Mark[c.Node]) == 0 && differs {
				t.Fatalf("%s differs from %v and is not marked anew", c.Node, after)
			}
		}
	})
}
