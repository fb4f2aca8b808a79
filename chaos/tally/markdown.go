package tally

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Markdown is the tally as it can stand in a document: two tables, and what else there is to say.
func (t *Tally) Markdown(took time.Duration) string {
	var b strings.Builder
	row := func(cells ...any) {
		for _, c := range cells {
			_, _ = fmt.Fprint(&b, "| ", c, " ")
		}
		b.WriteString("|\n")
	}
	row("what", "")
	row("---", "---")
	row("seeds", t.Seeds)
	row("seeds that broke a rule", orNone(t.Failed))
	row("requests", t.Sent.All)
	row("writes of documents, acknowledged", fmt.Sprintf("%d, %d", t.Writes.All, t.Writes.Acknowledged))
	row("reads of documents, answered, of these degraded", fmt.Sprintf("%d, %d, %d", t.Reads.All, t.Reads.Acknowledged, t.Reads.Degraded))
	row("not successful: 503, 504, other answers, no answer", fmt.Sprintf("%d, %d, %d, %d", t.Sent.Unavailable, t.Sent.Timeout, t.Sent.Wrong, t.Sent.Unanswered))
	row("faults", t.faults())
	row("kills, by process", listed(t.Kills))
	row("processes that ended otherwise", listed(t.Exits))
	row("clients at work: p50, p99, max", spread(t.Worked))
	row("until at rest: p50, p99, max", spread(t.Rested))
	row("total time", took.Round(time.Second))
	if t.Untried != "" {
		row("not tried", t.Untried)
	}
	b.WriteString("\nWhat clients, who send nothing again, saw while faults lasted. A request under way during several is counted at each; alone are those that met one only, and no other within ten seconds before.\n\n")
	row("fault", "times", "requests", "not successful", "503", "504", "other", "no answer", "no connection, sent later", "alone: requests", "not successful")
	row("---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, name := range slices.Sorted(maps.Keys(t.During)) {
		d := t.During[name]
		row(name, d.Times, d.All, share(d.Count), d.Unavailable, d.Timeout, d.Wrong, d.Unanswered, d.Unsent, d.Alone.All, share(d.Alone))
	}
	for i, c := range []Count{t.After, t.Beside} {
		row([]string{"none, ten seconds after one", "none"}[i], "", c.All, share(c), c.Unavailable, c.Timeout, c.Wrong, c.Unanswered, c.Unsent, "", "")
	}
	return b.String()
}

func (t *Tally) faults() string {
	kinds := map[string]int{}
	for name, d := range t.During {
		kind, _, _ := strings.Cut(name, " ")
		kinds[kind] += d.Times
	}
	return listed(kinds)
}

func share(c Count) string {
	if c.All == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.1f %%)", c.Failed(), 100*float64(c.Failed())/float64(c.All))
}

func listed(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	sum, parts := 0, []string{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		sum += counts[name]
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return fmt.Sprintf("%d: %s", sum, strings.Join(parts, ", "))
}

func orNone(seeds []uint64) string {
	if len(seeds) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(seeds), strings.Trim(fmt.Sprint(seeds), "[]"))
}

// spread is the median, the 99th percentile and the largest of some times.
func spread(times []time.Duration) string {
	if len(times) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(times))
	var parts []string
	for _, percent := range []int{50, 99, 100} {
		at := (len(sorted)*percent + 99) / 100 // the smallest that so many are not above
		parts = append(parts, fmt.Sprintf("%.1f s", sorted[at-1].Seconds()))
	}
	return strings.Join(parts, ", ")
}
