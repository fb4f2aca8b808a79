package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// answer is what came of one request.
type answer struct {
	write      bool
	begin, end time.Time
	status     int // 0: there was none
	degraded   bool
}

func (a answer) good() bool { return a.status >= 200 && a.status < 300 }

// how says what a request that failed was told.
func (a answer) how() string {
	if a.status == 0 {
		return "no answer"
	}
	return fmt.Sprint(a.status)
}

// toll is what requests of one kind met in a span of time.
type toll struct {
	all, failed, degraded   int
	hows                    map[string]int
	lastFailed, lastDegrade time.Duration // since the span began, until the answer
}

// take counts the requests that were under way within a span.
func take(answers []answer, write bool, from, to time.Time) toll {
	t := toll{hows: map[string]int{}}
	for _, a := range answers {
		if a.write != write || a.end.Before(from) || a.begin.After(to) {
			continue
		}
		t.all++
		since := a.end.Sub(from)
		if !a.good() {
			t.failed++
			t.hows[a.how()]++
			t.lastFailed = max(t.lastFailed, since)
		}
		if a.degraded {
			t.degraded++
			t.lastDegrade = max(t.lastDegrade, since)
		}
	}
	return t
}

// failures tells how many failed and how.
func (t toll) failures() string {
	if t.failed == 0 {
		return fmt.Sprintf("0 of %d", t.all)
	}
	var parts []string
	for _, how := range slices.Sorted(maps.Keys(t.hows)) {
		parts = append(parts, fmt.Sprintf("%s: %d", how, t.hows[how]))
	}
	return fmt.Sprintf("%d of %d (%s)", t.failed, t.all, strings.Join(parts, ", "))
}

// brink is how near to the end of a span something must have happened to count as going on.
const brink = time.Second

// until tells how long after the beginning of a span something happened last.
func until(n int, last, span time.Duration) string {
	switch {
	case n == 0:
		return "–"
	case last > span-brink:
		return "until it is back"
	}
	return fmt.Sprintf("%.1f s", last.Seconds())
}
