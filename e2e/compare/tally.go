package compare

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/miroir-search/miroir/e2e/compare/judge"
	"github.com/miroir-search/miroir/e2e/compare/query"
)

// tally is what the comparisons of one configuration came to.
type tally struct {
	name    string
	kinds   map[query.Kind]map[judge.Class]int
	classes map[judge.Class]int
	example map[judge.Class]string
	asked   int
	took    time.Duration

	degraded  int        // answers that lack shards
	disturbed *disturber // nil: all nodes were up
}

func newTally(name string) *tally {
	return &tally{
		name: name, kinds: map[query.Kind]map[judge.Class]int{}, classes: map[judge.Class]int{}, example: map[judge.Class]string{},
	}
}

func (t *tally) add(q query.Query, v judge.Verdict) {
	if t.kinds[q.Kind] == nil {
		t.kinds[q.Kind] = map[judge.Class]int{}
	}
	t.kinds[q.Kind][v.Class]++
	t.classes[v.Class]++
	t.asked++
	if _, ok := t.example[v.Class]; !ok && v.Class != judge.Equal {
		t.example[v.Class] = fmt.Sprintf("query %d, %s %s: %s", q.Number, q.Target(), q.Payload(), v.Why)
	}
}

// print writes the table.
func (t *tally) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("%s: %d queries in %.1f s", t.name, t.asked, t.took.Seconds())
	say("kind\tqueries\tequal\tties\tclasses\tdifferent")
	for _, kind := range slices.Sorted(maps.Keys(t.kinds)) {
		by, sum := t.kinds[kind], 0
		for _, n := range by {
			sum += n
		}
		rest := sum - by[judge.Equal] - by[judge.Tie] - by[judge.Different]
		say("%s\t%d\t%d\t%d\t%d\t%d", kind, sum, by[judge.Equal], by[judge.Tie], rest, by[judge.Different])
	}
	for _, class := range slices.Sorted(maps.Keys(t.classes)) {
		if class != judge.Equal {
			say("%d %s\t%.200s", t.classes[class], class, t.example[class])
		}
	}
	if t.disturbed != nil {
		say("%s", t.disturbed)
	}
	_ = w.Flush()
}

// beyond names the classes that were seen more often than they may be.
func (t *tally) beyond(real bool) string {
	var over []string
	for class, n := range t.classes {
		if share, bounded := judge.Bound(class, real); bounded && float64(n) > share*float64(t.asked)/100+slack {
			over = append(over, fmt.Sprintf("%s: %d of %d, more than %.1f %% (%s)", class, n, t.asked, share, t.example[class]))
		}
	}
	slices.Sort(over)
	return strings.Join(over, "\n")
}

// slack allows a single case of a rare class in a short run.
const slack = 1
