package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/testkit/need"
)

func TestPackagesBelongToOneRing(t *testing.T) {
	for folder, want := range map[string]string{
		"":                         "unit",
		"gateway/merge":            "unit",
		"internal/state":           "store",
		"internal/state/keys":      "store",
		"internal/statement":       "unit",
		"dev":                      "unit",
		"dev/devtest":              "e2e",
		"e2e":                      "e2e",
		"e2e/framework":            "e2e",
		"e2e/dataplane":            "dataplane",
		"e2e/dataplane/singlenode": "dataplane",
	} {
		if got := ringOf(folder); got != want {
			t.Errorf("%q is %s, want %s", folder, got, want)
		}
	}
}

func TestChooseRings(t *testing.T) {
	if all, err := chooseRings(nil); err != nil || len(all) != len(rings()) {
		t.Errorf("no name: %d rings, %v", len(all), err)
	}
	if two, err := chooseRings([]string{"store", "lint"}); err != nil || two[0].name != "store" || two[1].name != "lint" {
		t.Errorf("two names: %v, %v", two, err)
	}
	if _, err := chooseRings([]string{"lint", "nope"}); !errors.Is(err, lifecycle.ErrUsage) {
		t.Errorf("unknown name: %v", err)
	}
}

// stream builds what go test says.
func stream(t *testing.T, events ...event) *tally {
	t.Helper()
	tally := newTally(new(bytes.Buffer))
	for _, e := range events {
		if e.Package == "" {
			e.Package = "p"
		}
		tally.add(e)
	}
	return tally
}

func said(tl *tally) string { return fmt.Sprint(tl.out) }

func TestPassedTestsAreCountedAndSilent(t *testing.T) {
	tl := stream(t,
		event{Action: "output", Test: "TestA", Output: "chatter\n"},
		event{Action: "pass", Test: "TestA/sub"}, event{Action: "pass", Test: "TestA"},
		event{Action: "output", Output: "ok  \tp\t(cached)\n"}, event{Action: "pass"},
		event{Action: "skip", Package: "empty"})
	if tl.ran != 2 || tl.failed() || strings.Contains(said(tl), "chatter") || !strings.Contains(said(tl), "(cached)") {
		t.Fatalf("%+v\n%s", tl, said(tl))
	}
}

func TestFailedTestsShowTheirOutput(t *testing.T) {
	tl := stream(t,
		event{Action: "output", Test: "TestA", Output: "the reason\n"}, event{Action: "fail", Test: "TestA"}, event{Action: "fail"})
	if fmt.Sprint(tl.failures) != "[p TestA failed]" || !strings.Contains(said(tl), "the reason") {
		t.Fatalf("%v\n%s", tl.failures, said(tl))
	}
}

func TestAPackageThatFailsOutsideOfTestsFails(t *testing.T) {
	tl := stream(t, event{Action: "output", Output: "panic: no\n"}, event{Action: "fail"})
	if len(tl.failures) != 1 || !strings.Contains(said(tl), "panic: no") {
		t.Fatalf("%v\n%s", tl.failures, said(tl))
	}
	tl = stream(t, event{Action: "build-output", ImportPath: "p", Output: "p.go:1: wrong\n"}, event{Action: "build-fail", ImportPath: "p"})
	if len(tl.failures) != 1 || !strings.Contains(said(tl), "p.go:1: wrong") {
		t.Fatalf("%v\n%s", tl.failures, said(tl))
	}
}

func TestASkipFailsUnlessItDeclaresANeed(t *testing.T) {
	mark := need.Mark(need.Exclusion{Test: "TestA", Need: need.V150Answers})
	tl := stream(t, event{Action: "output", Test: "TestA", Output: "    need.go:1: " + mark + "\n"}, event{Action: "skip", Test: "TestA"})
	if tl.failed() || len(tl.excluded) != 1 || tl.ran != 0 {
		t.Fatalf("declared: %v, excluded %v", tl.failures, tl.excluded)
	}
	tl = stream(t, event{Action: "output", Test: "TestA", Output: "    a_test.go:1: no network here\n"}, event{Action: "skip", Test: "TestA"})
	if len(tl.failures) != 1 || len(tl.excluded) != 0 {
		t.Fatalf("undeclared: %v, excluded %v", tl.failures, tl.excluded)
	}
}

func TestGinkgoSuitesAreReadSpecBySpec(t *testing.T) {
	mark := "[SKIPPED] " + need.Mark(need.Exclusion{Test: "spec one", Need: need.V150Routes}) + "\n"
	end := func(pending, skipped int) string {
		return fmt.Sprintf("\x1b[1mSUCCESS!\x1b[0m -- \x1b[38;5;10m7 Passed\x1b[0m | 0 Failed | %d Pending | %d Skipped\n", pending, skipped)
	}
	for name, c := range map[string]struct {
		output   string
		failures int
		excluded int
	}{
		"clean":            {end(0, 0), 0, 0},
		"declared":         {mark + mark + end(0, 1), 0, 1},
		"undeclared":       {mark + end(0, 2), 1, 1},
		"pending":          {end(1, 0), 1, 0},
		"focus skips most": {end(0, 30), 1, 0},
	} {
		tl := stream(t, event{Action: "output", Test: "TestSuite", Output: c.output}, event{Action: "pass", Test: "TestSuite"})
		if len(tl.failures) != c.failures || len(tl.excluded) != c.excluded || tl.ran != 8 {
			t.Errorf("%s: failures %v, excluded %v, ran %d", name, tl.failures, tl.excluded, tl.ran)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	tl := newTally(new(bytes.Buffer))
	for range 5000 {
		tl.add(event{Action: "output", Package: "p", Test: "TestA", Output: strings.Repeat("x", 1000) + "\n"})
	}
	tl.add(event{Action: "output", Package: "p", Test: "TestA", Output: "the end\n"})
	if kept := tl.pending["p TestA"]; len(kept) > maxOutput || !strings.HasSuffix(kept, "the end\n") {
		t.Fatalf("kept %d bytes", len(kept))
	}
}

func TestReportEndsWithTheExclusions(t *testing.T) {
	tl := newTally(new(bytes.Buffer))
	tl.excluded = []need.Exclusion{{Test: "a", Need: need.V150Routes}, {Test: "b", Need: need.V150Answers}, {Test: "c", Need: need.V150Routes}}
	var out bytes.Buffer
	if err := report(&out, []result{{ring: "lint"}, {ring: "unit", tally: tl}}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	tail := strings.Join(lines[len(lines)-3:], "\n")
	if !strings.Contains(tail, "3 tests were excluded") || !strings.Contains(tail, fmt.Sprintf("     2  %s\n     1  %s", need.V150Routes, need.V150Answers)) {
		t.Fatalf("last lines:\n%s", tail)
	}
	tl.failures = []string{"p TestA failed"}
	if err := report(&out, []result{{ring: "unit", tally: tl}}); !errors.Is(err, errFailed) {
		t.Fatalf("a failed test: %v", err)
	}
	if err := report(&out, []result{{ring: "lint", err: errors.New("untidy")}}); !errors.Is(err, errFailed) {
		t.Fatalf("a failed ring: %v", err)
	}
}

func TestShape(t *testing.T) {
	file := func(lines int) *fstest.MapFile { return &fstest.MapFile{Data: []byte(strings.Repeat("x\n", lines))} }
	tree := fstest.MapFS{
		"good/doc.go": file(3), "good/a.go": file(600), "good/a_test.go": file(1000),
		"cmd/x/main.go": file(50), "long/doc.go": file(601), "long/b_test.go": file(1001),
		"undocumented/a.go": file(1), "engine/src/main.rs": file(601), "web/node_modules/a/index.ts": file(9000),
		"gen/doc.go": file(1), "gen/g.go": {Data: []byte("// Code generated by x. DO NOT EDIT.\n" + strings.Repeat("x\n", 5000))},
	}
	err := checkShape(tree)
	if err == nil {
		t.Fatal("nothing found")
	}
	for _, part := range []string{"long/doc.go: 601", "long/b_test.go: 1001", "undocumented: no doc.go", "engine/src/main.rs: 601"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("not found: %s", part)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("found %d:\n%v", n, err)
	}
}
