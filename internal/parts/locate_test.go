package parts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func program(t *testing.T, folder, name string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPartsAreLookedForInOrder(t *testing.T) {
	given, environment, onPath, beside := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("PATH", onPath)
	t.Setenv("ENVOY_BIN", "")
	t.Setenv("MEILISEARCH_BIN", "")
	places := Places{Folders: []string{beside}}

	_, errEngine := places.Engine()
	_, errEnvoy := places.Envoy()
	if !errors.Is(errEngine, ErrMissing) || !errors.Is(errEnvoy, ErrMissing) || !strings.Contains(errEnvoy.Error(), "make tools") {
		t.Fatalf("nothing there: %v, %v", errEngine, errEnvoy)
	}
	expect := func(want Engine) {
		t.Helper()
		got, err := places.Engine()
		if err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	}
	expect(Engine{Path: program(t, beside, "miroir-engine")})
	expect(Engine{Path: program(t, onPath, "meilisearch"), Real: true})
	fromEnvironment := program(t, environment, "meilisearch-1.50")
	t.Setenv("MEILISEARCH_BIN", fromEnvironment)
	expect(Engine{Path: fromEnvironment, Real: true})
	places.Given = program(t, given, "miroir-engine")
	expect(Engine{Path: places.Given})

	places.Given = filepath.Join(given, "gone")
	if _, err := places.Engine(); err == nil || errors.Is(err, ErrMissing) {
		t.Fatalf("a named engine that is not there: %v", err)
	}
}

func TestEnvoyBesideOurBinaries(t *testing.T) {
	beside := t.TempDir()
	t.Setenv("PATH", t.TempDir())
	t.Setenv("ENVOY_BIN", "")
	want := program(t, beside, "envoy")
	if got, err := (Places{Folders: []string{beside}}).Envoy(); err != nil || got != want {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestTreeBin(t *testing.T) {
	bin, err := TreeBin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(bin), "go.mod")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if bin, err := TreeBin(); err == nil {
		t.Fatalf("outside of the tree: %s", bin)
	}
}
