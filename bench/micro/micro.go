package micro

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Result is one benchmark.
type Result struct {
	Package     string        `json:"package"`
	Name        string        `json:"name"` // without the number of processors
	PerOp       time.Duration `json:"nsPerOp"`
	BytesPerOp  int64         `json:"bytesPerOp"`
	AllocsPerOp int64         `json:"allocsPerOp"`
	Target      time.Duration `json:"targetNs,omitempty"` // what is asked of it; 0 for nothing
}

// paths are the packages whose benchmarks are run.
var paths = []string{"./internal/shardmap", "./gateway/merge", "./gateway/write", "./sidecar/stamp", "./sidecar/strip", "./sidecar/filter"}

// targets of the issue that asks for the benchmarks.
var targets = map[string]time.Duration{
	"BenchmarkPlacementAndRouting":   200 * time.Microsecond, // 10,000 documents, 64 shards, 3 nodes
	"BenchmarkSearch1000From3Thirds": 300 * time.Microsecond, // 1,000 hits from 3 shards
}

// Run runs them from the root of the source tree, each for about as long as given.
func Run(ctx context.Context, root string, each time.Duration) ([]Result, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-p", "1", "-benchtime", each.String()}, paths...)...)
	command.Dir = root
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s%s", err, out.String(), errs.String())
	}
	return Parse(out.String()), nil
}

// Parse reads the output of go test -bench -benchmem.
func Parse(output string) []Result {
	var list []Result
	pkg := ""
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "pkg:":
			pkg = fields[1]
		case len(fields) >= 4 && strings.HasPrefix(fields[0], "Benchmark"):
			r := Result{Package: pkg, Name: fields[0]}
			if at := strings.LastIndexByte(r.Name, '-'); at > 0 {
				r.Name = r.Name[:at]
			}
			for i := 2; i+1 < len(fields); i += 2 {
				r.take(fields[i], fields[i+1])
			}
			r.Target = targets[r.Name]
			list = append(list, r)
		}
	}
	return list
}

func (r *Result) take(value, unit string) {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return
	}
	switch unit {
	case "ns/op":
		r.PerOp = time.Duration(v)
	case "B/op":
		r.BytesPerOp = int64(v)
	case "allocs/op":
		r.AllocsPerOp = int64(v)
	}
}
