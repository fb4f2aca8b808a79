package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/testkit/need"
)

// errFailed is the error of a run in which something failed; everything about it is printed before.
var errFailed = errors.New("the run failed")

// report prints what came of all rings. The last lines say how many tests were excluded, and why.
func report(out io.Writer, results []result) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	failed := false
	say("\n%-10s %7s %7s %9s %8s\n", "ring", "tests", "failed", "excluded", "time")
	excluded := map[need.Need]int{}
	for _, r := range results {
		t := r.tally
		if t == nil {
			t = newTally(io.Discard)
		}
		failed = failed || r.err != nil || t.failed()
		for _, e := range t.excluded {
			excluded[e.Need]++
		}
		verdict := "ok"
		if r.err != nil || t.failed() {
			verdict = "FAILED"
		}
		say("%-10s %7d %7d %9d %8s  %s\n", r.ring, t.ran, len(t.failures), len(t.excluded), r.elapsed.Round(time.Second), verdict)
	}
	for _, r := range results {
		if r.err != nil {
			say("\n%s: %v\n", r.ring, r.err)
		}
		if r.tally == nil {
			continue
		}
		for _, f := range r.tally.failures {
			say("%s: %s\n", r.ring, f)
		}
	}
	sayExcluded(say, excluded)
	if failed {
		return errFailed
	}
	return nil
}

func sayExcluded(say func(string, ...any), excluded map[need.Need]int) {
	total := 0
	for _, n := range excluded {
		total += n
	}
	if total == 0 {
		say("\nNo test was excluded.\n")
		return
	}
	say("\n%d tests were excluded. What they need, and this run has not (a real Meilisearch is given by MEILISEARCH_BIN or the PATH):\n", total)
	needs := slices.SortedFunc(maps.Keys(excluded), func(a, b need.Need) int {
		return cmp.Or(excluded[b]-excluded[a], cmp.Compare(a, b))
	})
	for _, n := range needs {
		say("%6d  %s\n", excluded[n], n)
	}
}
