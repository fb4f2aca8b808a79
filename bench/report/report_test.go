package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/bench/load"
	"github.com/miroir-search/miroir/bench/micro"
)

func run(wall time.Duration, times ...time.Duration) load.Run {
	r := load.Run{Wall: wall}
	for i, t := range times {
		r.Samples = append(r.Samples, load.Sample{Search: i, Took: t})
	}
	return r
}

func TestFiguresOfARun(t *testing.T) {
	ms := time.Millisecond
	f := FiguresOf(One, run(20*ms, 4*ms, 1*ms, 3*ms, 2*ms), map[string]time.Duration{"engine": 10 * ms})
	if f.P50 != 2 || f.P99 != 4 || f.Max != 4 || f.Mean != 2.5 || f.PerSecond != 200 || f.CPU["engine"] != 2.5 || f.Requests != 4 {
		t.Errorf("%+v", f)
	}
	if f := FiguresOf(One, load.Run{Refused: 3}, nil); f.Requests != 0 || f.Refused != 3 {
		t.Errorf("%+v", f)
	}
}

func sample() *Report {
	ms := time.Millisecond
	level := Level{Copies: 2, Hits: 20, Connections: 1, OverEngines: 0.9}
	level.Targets = []Figures{FiguresOf(One, run(4*ms, 2*ms, 2*ms), nil), FiguresOf(Cluster, run(6*ms, 3*ms, 3*ms), map[string]time.Duration{"gateway": ms})}
	level.Kinds = []Kind{{Kind: "prefix", Queries: 2, One: 2, Cluster: 3}}
	return &Report{
		Version: Version, Miroir: "v1", Engine: Engine{"1.50.0", true}, Searches: []Level{level},
		Loads:    []Load{{Copies: 2, Format: "csv", Batch: 100, Clients: 8, Documents: 1000, Engine: Intake{1, 2, 500}, Cluster: Intake{1, 4, 250}}},
		Work:     []Work{{Copies: 2, Hits: 20, Allocs: map[string]float64{"gateway": 123}}},
		Memory:   []Peaks{{Phase: "load", Copies: 2, Processes: map[string]float64{"gateway-0": 77}}},
		Micro:    []micro.Result{{Package: "x/miroir/gateway/merge", Name: "BenchmarkSearch", PerOp: 400, AllocsPerOp: 31, Target: 300}},
		Refusals: []string{"cluster answered 503"}, Refused: 1,
	}
}

func TestTheTablesTellRatiosAndWhatWasMissed(t *testing.T) {
	var out bytes.Buffer
	if err := sample().Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Meilisearch 1.50.0", "(1.50)", "p50 1.50 times one engine", "met", "0.90 ms on top", "MISSED", "0.50", "123", "77",
		"gateway/merge", "31", "1 answers were no result", "cluster answered 503"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing of %q in\n%s", want, out.String())
		}
	}
}

func TestTheReportIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "r.json")
	if err := sample().Save(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw, &back); err != nil || back.Searches[0].Figures(Cluster).P50 != 3 {
		t.Errorf("%v: %s", err, raw)
	}
}
