package suite

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

func TestQuickChangesOnlyWhatIsNotGiven(t *testing.T) {
	o, err := parseOptions([]string{"--quick", "--rounds", "9", "--connections", "2, 4"}, io.Discard)
	if err != nil || o.rounds != 9 || !slices.Equal(o.connections, []int{2, 4}) || o.queries != 200 || o.intake != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	full, err := parseOptions(nil, io.Discard)
	if err != nil || full.queries != 400 || !slices.Equal(full.copies, []int{1, 2}) {
		t.Errorf("%+v, %v", full, err)
	}
}

func TestWrongFlagsAreAllTold(t *testing.T) {
	_, err := parseOptions([]string{"--rf", "1,4", "--hits", "0", "--skip", "everything", "--rounds", "0"}, io.Discard)
	if !errors.Is(err, lifecycle.ErrUsage) {
		t.Fatal(err)
	}
	for _, want := range []string{"--rf 4", "--hits 0", `"everything"`, "--rounds 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in %v", want, err)
		}
	}
	if _, err := parseOptions([]string{"--rf", "x"}, io.Discard); !errors.Is(err, lifecycle.ErrUsage) {
		t.Error(err)
	}
}

func TestPhasesAreLeftOutOrPicked(t *testing.T) {
	for args, want := range map[string]string{
		"": "micro search legs slow ingest large", "--skip search,slow": "micro legs ingest large", "--only slow": "slow",
		"--only slow,micro --skip micro": "slow", "--quick": "micro search legs ingest large", "--quick --only slow": "slow",
	} {
		o, err := parseOptions(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, phase := range phases {
			if o.runs(phase) {
				got = append(got, phase)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", args, got, want)
		}
	}
	if _, err := parseOptions([]string{"--only", "nothing"}, io.Discard); !errors.Is(err, lifecycle.ErrUsage) {
		t.Error(err)
	}
}

func TestEveryProcessHasItsPart(t *testing.T) {
	for name, want := range map[string]string{
		"engine": "engine", "engine-2": "engines", "sidecar-0": "sidecars", "gateway-0": "gateway", "envoy": "envoy", "bench": "bench",
		"etcd": "control", "coordinator-0": "control", "dev": "control",
	} {
		if got := partOf(name); got != want {
			t.Errorf("%s belongs to %s, not %s", name, got, want)
		}
	}
}

func TestWhatTheClusterAddsIsComparedSearchBySearch(t *testing.T) {
	ms := time.Millisecond
	a := map[int]time.Duration{0: 10 * ms, 1: 3 * ms, 2: 101 * ms, 3: 5 * ms}
	b := map[int]time.Duration{0: 9 * ms, 1: 1 * ms, 2: 1 * ms}
	if got := over(a, b); got != 2 {
		t.Errorf("%v ms", got)
	}
	all := series{queries: []query.Query{{Kind: "b"}, {Kind: "a"}, {Kind: "b"}}}
	got := kinds(all, map[string]map[int]time.Duration{report.One: b, report.Cluster: a})
	want := []report.Kind{{Kind: "a", Queries: 1, One: 1, Cluster: 3}, {Kind: "b", Queries: 2, One: 1, Cluster: 10}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestProgressWithoutATerminalIsOneLineForEachThing(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.begin("loading %d", 3)
	p.at(1, 3)
	p.end("done")
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "loading 3") {
		t.Errorf("%q", out.String())
	}
}

func TestOrderAsksEverySearchInTurn(t *testing.T) {
	if got := order(3, 7); !slices.Equal(got, []int{0, 1, 2, 0, 1, 2, 0}) {
		t.Error(got)
	}
}
