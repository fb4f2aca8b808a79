package replica

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// Every pair of legs that the engine has in another order than their stamps say is named when the second one is known,
// by the older of the two; pairs in order are not. The newer one is among those that may be hidden.
func TestLaneFindsEveryInversion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "legs")
		tasks := rapid.Permutation(sequence(n)).Draw(t, "tasks")
		legs := make([]journal.Entered, n)
		for i := range legs {
			low := rapid.IntRange(1, 20).Draw(t, "low")
			high := low + rapid.IntRange(0, 2).Draw(t, "span")
			legs[i] = journal.Entered{
				Leg: journal.Leg{Write: strconv.Itoa(i)}, Place: hlc.Stamp(i + 1), Task: uint32(tasks[i]), Registered: true, //nolint:gosec // small
				Low: guard.Version{Stamp: hlc.Stamp(low)}, High: guard.Version{Stamp: hlc.Stamp(high)}, //nolint:gosec // small
			}
			if legs[i].Kind = guard.Update; rapid.IntRange(0, 4).Draw(t, "wide") == 0 {
				legs[i].Kind, legs[i].High = guard.Clear, legs[i].Low
			}
		}
		l := &lane{}
		for i, e := range legs {
			check, crossed, hidden := l.insert(e)
			for k, o := range legs[:i] {
				first, second := e, o
				if o.Task < e.Task {
					first, second = o, e
				}
				inverted := second.Low.Compare(first.High) <= 0
				if inverted != slices.Contains(check, second.Place) && (inverted || second.Place != e.Place) {
					t.Fatalf("legs %d and %d: inverted %v, to check %v", i, k, inverted, check)
				}
				if inverted && !slices.ContainsFunc(hidden, func(p placed) bool { return p.write == first.Write }) {
					t.Fatalf("legs %d and %d: %s may be hidden, but only %v are named", i, k, first.Write, hidden)
				}
				if inverted && first.Kind.Wide() != second.Kind.Wide() {
					one := second
					if second.Kind.Wide() {
						one = first
					}
					if !slices.Contains(crossed, one.Place) {
						t.Fatalf("legs %d and %d: %d crossed, but only %v are named", i, k, one.Place, crossed)
					}
				}
			}
		}
		if !slices.IsSortedFunc(l.legs, func(a, b placed) int { return int(a.task) - int(b.task) }) {
			t.Fatal("the lane is not in the engine's order")
		}
	})
}

func sequence(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
