package golden

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Check fails the test, in a subtest for each file, for every difference that the list at knownPath does not have, and
// for every entry of the list that does not occur. own is the replay against a lone node of the same kind: where the
// target differs from the recording in just the same way as that node, the difference is the node's and stands in the
// node's list. For a node itself own is nil.
func Check(t *testing.T, played, own []Played, knownPath string) {
	t.Helper()
	known, err := LoadKnown(knownPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range played {
		found, inherited := file.Found, 0
		for _, node := range own {
			if node.File == file.File {
				found, inherited = Without(found, node.Found)
			}
		}
		t.Run(file.File, func(t *testing.T) {
			verdict := Judge(file.File, found, known)
			for _, difference := range verdict.Unlisted {
				t.Errorf("not as recorded: %s", difference)
			}
			for _, stale := range verdict.Stale {
				t.Errorf("a known difference no longer occurs, take it off the list: %s", stale)
			}
			t.Log(Summary(file, inherited, verdict))
		})
	}
}

// Without leaves out what own has as well: the same place with the same value. It returns the rest, and the number of
// requests that have no other difference than such.
func Without(found, own []Difference) ([]Difference, int) {
	type place struct {
		n         int
		path, got string
	}
	has := map[place]bool{}
	for _, d := range own {
		has[place{d.N, d.Path, d.Got}] = true
	}
	var rest []Difference
	same, other := map[int]bool{}, map[int]bool{}
	for _, d := range found {
		if has[place{d.N, d.Path, d.Got}] {
			same[d.N] = true
			continue
		}
		other[d.N] = true
		rest = append(rest, d)
	}
	for n := range other {
		delete(same, n)
	}
	return rest, len(same)
}

// Summary is one file's outcome in words.
func Summary(file Played, inherited int, verdict Verdict) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %d requests in %.1f s, %d equal, %d with differences", file.File, file.Requests,
		file.Took.Seconds(), file.Requests-verdict.Differ-inherited, verdict.Differ)
	if inherited > 0 {
		fmt.Fprintf(&out, ", %d just as a lone node of this kind", inherited)
	}
	reasons := make([]string, 0, len(verdict.Reasons))
	for reason := range verdict.Reasons {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		fmt.Fprintf(&out, "\n  %4d known: %s", verdict.Reasons[reason], reason)
	}
	return out.String()
}
