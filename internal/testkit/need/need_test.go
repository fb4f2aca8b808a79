package need

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

type fakeT struct{ skipped, failed string }

func (f *fakeT) Helper()                           {}
func (f *fakeT) Name() string                      { return "TestX/with \"quotes\"" }
func (f *fakeT) Skip(args ...any)                  { f.skipped = fmt.Sprint(args...) }
func (f *fakeT) Fatalf(format string, args ...any) { f.failed = fmt.Sprintf(format, args...) }

func engineAt(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MEILISEARCH_BIN", path)
}

func TestFeatureExcludesOnlyWithoutARealEngine(t *testing.T) {
	engineAt(t, "meilisearch")
	var f fakeT
	Feature(&f, V150Answers)
	if f != (fakeT{}) {
		t.Fatalf("with a real engine: %+v", f)
	}

	engineAt(t, "miroir-engine")
	Feature(&f, V150Answers)
	e, ok := Find("    need.go:12: " + f.skipped + "\n")
	if !ok || e != (Exclusion{Test: f.Name(), Need: V150Answers}) || f.failed != "" {
		t.Fatalf("without: %+v, mark %+v %v", f, e, ok)
	}

	f = fakeT{}
	t.Setenv("MEILISEARCH_BIN", filepath.Join(t.TempDir(), "gone"))
	Feature(&f, V150Answers)
	if f.failed == "" || f.skipped != "" {
		t.Fatalf("with an engine that is not there: %+v", f)
	}
}

func TestFindReadsOnlyWholeMarks(t *testing.T) {
	for _, line := range []string{"", "skipped because", mark, mark + "{", mark + `{"test":"a"}`, mark + `{"need":"a"}`} {
		if e, ok := Find(line); ok {
			t.Errorf("%q was read as %+v", line, e)
		}
	}
	if _, ok := Find("[SKIPPED] " + Mark(Exclusion{Test: "a", Need: "b"}) + " at file.go:1"); !ok {
		t.Error("a mark with text behind it was not read")
	}
}

func TestProgramsExcludesOnlyWithoutThem(t *testing.T) {
	engineAt(t, "python3")
	t.Setenv("PATH", filepath.Dir(os.Getenv("MEILISEARCH_BIN")))
	var f fakeT
	if Programs(&f, Python, "python3"); f != (fakeT{}) {
		t.Fatalf("with it: %+v", f)
	}
	Programs(&f, Node, "python3", "node")
	if e, ok := Find(f.skipped); !ok || e != (Exclusion{Test: f.Name(), Need: Node}) || f.failed != "" {
		t.Fatalf("without: %+v, mark %+v %v", f, e, ok)
	}
}
