package compare

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/miroir-search/miroir/e2e/compare/judge"
)

// report writes what several configurations came to as a table of docs/exactness.md.
type report struct {
	path    string // empty: nowhere
	seed    uint64
	tallies []*tally
}

// add takes one more configuration and writes all of them anew, so that an interrupted run leaves what it has.
func (r *report) add(t *tally) error {
	r.tallies = append(r.tallies, t)
	if r.path == "" {
		return nil
	}
	return os.WriteFile(r.path, r.table(), 0o600)
}

func (r *report) table() []byte {
	var b bytes.Buffer
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format, args...) }
	classes := map[judge.Class]bool{}
	for _, t := range r.tallies {
		for class := range t.classes {
			classes[class] = true
		}
	}
	delete(classes, judge.Equal)
	delete(classes, judge.Different)
	say("Seed %d.\n\n| outcome |", r.seed)
	for _, t := range r.tallies {
		say(" %s |", t.name)
	}
	say("\n|---|%s\n", bytes.Repeat([]byte("---|"), len(r.tallies)))
	row := func(name string, of func(*tally) string) {
		say("| %s |", name)
		for _, t := range r.tallies {
			say(" %s |", of(t))
		}
		say("\n")
	}
	row("queries", func(t *tally) string { return fmt.Sprint(t.asked) })
	row("equal in every member", func(t *tally) string {
		return fmt.Sprintf("%d (%.1f %%)", t.classes[judge.Equal], 100*float64(t.classes[judge.Equal])/float64(max(1, t.asked)))
	})
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		row(string(class), func(t *tally) string { return fmt.Sprint(t.classes[class]) })
	}
	row("real differences", func(t *tally) string { return fmt.Sprint(t.classes[judge.Different]) })
	row("answers that lack shards", func(t *tally) string { return fmt.Sprint(t.degraded) })
	row("nodes stopped and started", func(t *tally) string {
		if t.disturbed == nil {
			return "0"
		}
		return fmt.Sprintf("%d, %d queries without one", t.disturbed.cycles, t.disturbed.asked[stopped]+t.disturbed.asked[returning])
	})
	return b.Bytes()
}
