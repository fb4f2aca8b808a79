package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

const linterVersion = "v2.15.0"

// lint runs every check that needs no test. All of them run, so that one look shows everything.
func lint(ctx context.Context, stdio lifecycle.Stdio) error {
	long := checkShape(os.DirFS("."))
	linter, err := installLinter(ctx, stdio)
	if err != nil {
		return errors.Join(long, err)
	}
	checks := [][]string{{linter, "run", "./..."}}
	if _, err := exec.LookPath("cargo"); err == nil {
		checks = append(checks, []string{"cargo", "fmt", "--check", "--manifest-path", "engine/Cargo.toml"})
	}
	failures := []error{long}
	for _, c := range checks {
		failures = append(failures, call(ctx, stdio, nil, c...))
	}
	return errors.Join(failures...)
}

// installLinter builds the pinned golangci-lint once per machine and returns its path.
func installLinter(ctx context.Context, stdio lifecycle.Stdio) (string, error) {
	cache := os.Getenv("MIROIR_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("install golangci-lint: %w", err)
		}
		cache = filepath.Join(base, "miroir")
	}
	folder := filepath.Join(cache, "golangci-lint-"+linterVersion)
	binary := filepath.Join(folder, "golangci-lint")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	_, _ = fmt.Fprintf(stdio.Out, "building golangci-lint %s\n", linterVersion)
	err := call(ctx, lifecycle.Stdio{Out: stdio.Out, Err: stdio.Out}, []string{"GOBIN=" + folder},
		"go", "install", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@"+linterVersion)
	return binary, err
}

func call(ctx context.Context, stdio lifecycle.Stdio, environment []string, args ...string) error {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = stdio.Out, stdio.Err
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// The longest files that are still one concept.
const (
	maxLines     = 600
	maxTestLines = 1000
)

// checkShape holds what golangci-lint has no rule for: how long files are, in all languages, and that every Go package
// has a doc.go.
func checkShape(tree fs.FS) error {
	var wrong []error
	packages, documented := map[string]bool{}, map[string]bool{}
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != "." && (strings.HasPrefix(name, ".") || ignoredFolder(name)) {
				return fs.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".rs", ".ts", ".tsx":
		default:
			return nil
		}
		source, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		test := strings.HasSuffix(name, "_test.go") || strings.Contains(name, ".test.") || strings.Contains(name, ".spec.")
		if err := checkLength(path, source, test); err != nil {
			wrong = append(wrong, err)
		}
		if folder := filepath.ToSlash(filepath.Dir(path)); strings.HasSuffix(name, ".go") && !test {
			packages[folder] = true
			documented[folder] = documented[folder] || name == "doc.go" || strings.HasPrefix(folder, "cmd/")
		}
		return nil
	})
	for folder := range packages {
		if !documented[folder] {
			wrong = append(wrong, fmt.Errorf("%s: no doc.go that says what the package owns and must not know", folder))
		}
	}
	return errors.Join(append(wrong, err)...)
}

func ignoredFolder(name string) bool {
	return name == "bin" || name == "node_modules" || name == "target" || name == "testdata" || name == "dist"
}

func checkLength(path string, source []byte, test bool) error {
	limit := maxLines
	if test {
		limit = maxTestLines
	}
	generated := strings.Contains(string(source[:min(len(source), 200)]), "DO NOT EDIT")
	if n := strings.Count(string(source), "\n"); n > limit && !generated {
		return fmt.Errorf("%s: %d lines; one file is one concept, of at most %d lines", path, n, limit)
	}
	return nil
}
