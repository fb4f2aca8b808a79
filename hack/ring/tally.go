package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/need"
)

// maxOutput bounds what is kept of one test's output; the end is what tells.
const maxOutput = 1 << 20

// event is one line of `go test -json`.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

// tally counts verdicts and keeps the output of what has no verdict yet. It prints one line per package, and
// everything that a failed test said.
type tally struct {
	out      io.Writer
	pending  map[string]string // output by package and test
	perPkg   map[string]int    // tests that ran, by package
	ran      int
	failures []string
	excluded []need.Exclusion
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, pending: map[string]string{}, perPkg: map[string]int{}}
}

func (t *tally) failed() bool { return len(t.failures) > 0 }

func (t *tally) add(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		t.keep(key, e.Output)
	case "build-output":
		t.say("%s", e.Output)
	case "build-fail":
		t.fail(e.ImportPath, "", "does not build")
	case "pass", "fail", "skip":
		output := t.pending[key]
		delete(t.pending, key)
		t.specs(e, output)
		if e.Test == "" {
			t.endPackage(e, output)
		} else {
			t.endTest(e, output)
		}
	}
}

func (t *tally) endTest(e event, output string) {
	switch e.Action {
	case "pass":
		t.count(e.Package, 1)
	case "fail":
		t.count(e.Package, 1)
		t.say("%s", output)
		t.fail(e.Package, e.Test, "failed")
	case "skip":
		marks := marksIn(output)
		if len(marks) == 0 {
			t.say("%s", output)
			t.fail(e.Package, e.Test, "was skipped")
		}
		t.excluded = append(t.excluded, marks...)
	}
}

func (t *tally) endPackage(e event, output string) {
	verdict := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "none"}[e.Action]
	if verdict == "FAIL" && !t.failedIn(e.Package) { // a panic, a timeout, a failed TestMain
		t.say("%s", output)
		t.fail(e.Package, "", "failed outside of any test")
	}
	cached := ""
	if strings.Contains(output, "\t(cached)") {
		cached = " (cached)"
	}
	t.say("%-4s  %-60s %5d tests %7.1f s%s\n", verdict, e.Package, t.perPkg[e.Package], e.Elapsed, cached)
}

var (
	ansi    = regexp.MustCompile("\x1b\\[[0-9;]*m")
	summary = regexp.MustCompile(`(\d+) Passed \| (\d+) Failed \| (?:\d+ Flaked \| )?(\d+) Pending \| (\d+) Skipped`)
)

// specs reads the summary of a Ginkgo suite: go test sees the whole suite as one test and no skip inside of it.
func (t *tally) specs(e event, output string) {
	found := summary.FindStringSubmatch(ansi.ReplaceAllString(output, ""))
	if found == nil {
		return
	}
	number := func(i int) int {
		n, err := strconv.Atoi(found[i])
		if err != nil { // the expression lets only digits through
			return 0
		}
		return n
	}
	marks := marksIn(output)
	t.count(e.Package, number(1)+number(2))
	if pending := number(3); pending > 0 {
		t.fail(e.Package, e.Test, fmt.Sprintf("has %d pending specs", pending))
	}
	if skipped := number(4); skipped != len(marks) && e.Action == "pass" {
		t.say("%s", output)
		t.fail(e.Package, e.Test, fmt.Sprintf("skipped %d specs, of which %d declared a need", skipped, len(marks)))
	}
	if e.Action != "skip" {
		t.excluded = append(t.excluded, marks...)
	}
}

// marksIn returns the exclusions that an output tells of, each once: a reporter may show a reason several times.
func marksIn(output string) []need.Exclusion {
	seen := map[need.Exclusion]bool{}
	for line := range strings.Lines(ansi.ReplaceAllString(output, "")) {
		if e, ok := need.Find(line); ok {
			seen[e] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

func (t *tally) keep(key, output string) {
	kept := t.pending[key] + output
	if len(kept) > maxOutput {
		kept = "[…]\n" + kept[len(kept)-maxOutput/2:]
	}
	t.pending[key] = kept
}

func (t *tally) count(pkg string, n int) {
	t.ran += n
	t.perPkg[pkg] += n
}

func (t *tally) fail(pkg, test, how string) {
	t.failures = append(t.failures, strings.Join(strings.Fields(pkg+" "+test+" "+how), " "))
}

func (t *tally) failedIn(pkg string) bool {
	return slices.ContainsFunc(t.failures, func(f string) bool { return strings.HasPrefix(f, pkg+" ") })
}

func (t *tally) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format, args...)
}
