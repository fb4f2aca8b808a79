package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// ring is one kind of test: what it needs around it decides where a test belongs.
type ring struct {
	name string
	// folders lists what belongs to the ring, with everything below. The longest match of all rings wins, and what no
	// ring lists is unit. Single files elsewhere join a ring by a build tag of its name; their package then runs in
	// both rings.
	folders []string
	flags   []string
}

// rings in the order in which they are worth running: the cheapest verdict first.
func rings() []ring {
	return []ring{
		{name: "lint"},
		{name: "unit", flags: []string{"-race", "-timeout=15m"}},
		{name: "store", folders: []string{"internal/state", "internal/etcdserver"},
			flags: []string{"-race", "-timeout=15m"}},
		// Binaries outside of Go's sight take part from here on, so cached results prove nothing, and few packages run at a
		// time because each of them starts several processes. Those of whole clusters wait more than they work: for leases, mostly.
		{name: "dataplane", folders: []string{"xds/dataplane", "e2e/dataplane"},
			flags: []string{"-count=1", "-p=1", "-timeout=20m"}},
		{name: "e2e", folders: []string{"e2e", "dev/devtest"},
			flags: []string{"-count=1", "-p=2", "-timeout=30m"}},
		{name: "chaos", folders: []string{"chaos/trial"}, flags: []string{"-count=1", "-p=1", "-timeout=20m"}},
	}
}

// chooseRings looks the named rings up; no name means all.
func chooseRings(names []string) ([]ring, error) {
	all := rings()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []ring
	for _, name := range names {
		at := slices.IndexFunc(all, func(r ring) bool { return r.name == name })
		if at < 0 {
			return nil, lifecycle.UsageError("there is no ring %q", name)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// result is what came of one ring.
type result struct {
	ring    string
	tally   *tally // nil for a ring without Go tests
	err     error  // the ring could not run or something in it failed that is no test
	elapsed time.Duration
}

func (r ring) run(ctx context.Context, stdio lifecycle.Stdio) result {
	_, _ = fmt.Fprintf(stdio.Out, "== %s\n", r.name)
	start := time.Now()
	res := result{ring: r.name}
	if r.name == "lint" {
		res.err = lint(ctx, stdio)
	} else {
		res.tally, res.err = r.test(ctx, stdio)
	}
	res.elapsed = time.Since(start)
	return res
}

// packages returns the ring's packages, as paths relative to the module: those of its folders, and those that have
// tests behind the build tag of the ring's name.
func (r ring) packages(ctx context.Context) ([]string, error) {
	plain, err := listTests(ctx, "")
	if err != nil {
		return nil, err
	}
	tagged, err := listTests(ctx, r.name)
	if err != nil {
		return nil, err
	}
	var mine []string
	for folder, files := range tagged {
		if ringOf(folder) == r.name || files != plain[folder] {
			mine = append(mine, "./"+folder)
		}
	}
	slices.Sort(mine)
	return mine, nil
}

// listTests returns the test files of every package that has some, under a build tag.
func listTests(ctx context.Context, tag string) (map[string]string, error) {
	var stdout, stderr bytes.Buffer
	list := exec.CommandContext(ctx, "go", "list", "-e", "-tags="+tag, "-f",
		"{{if or .TestGoFiles .XTestGoFiles}}{{.Module.Path}} {{.ImportPath}} {{.TestGoFiles}} {{.XTestGoFiles}}{{end}}", "./...")
	list.Stdout, list.Stderr = &stdout, &stderr
	if err := list.Run(); err != nil {
		return nil, fmt.Errorf("list packages: %w\n%s", err, stderr.Bytes())
	}
	found := map[string]string{}
	for line := range strings.Lines(stdout.String()) {
		module, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, files, _ := strings.Cut(rest, " ")
		found[strings.TrimPrefix(strings.TrimPrefix(path, module), "/")] = files
	}
	return found, nil
}

// ringOf decides which ring a package belongs to.
func ringOf(folder string) string {
	name, longest := "unit", -1
	for _, r := range rings() {
		for _, f := range r.folders {
			if (folder == f || strings.HasPrefix(folder, f+"/")) && len(f) > longest {
				name, longest = r.name, len(f)
			}
		}
	}
	return name
}
