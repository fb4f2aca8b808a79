package suite

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/dev/cities"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

// options are the flags of the benchmark.
type options struct {
	quick       bool
	json        string
	profiles    string
	skip        words
	only        words
	copies      numbers
	connections numbers
	hits        numbers
	nodes       int
	shards      int
	queries     int
	rounds      int
	documents   int
	large       int // MiB of the large body
	intake      int // documents of one load of the matrix; 0 leaves the matrix out
	benchtime   time.Duration
	seed        uint64
}

// quick are the values of --quick for flags that are not given.
var quick = map[string]string{
	"skip": phaseSlow, "connections": "1,8,32", "hits": "20", "queries": "200", "rounds": "3", "documents": "30000", "ingest-documents": "0", "large-mib": "256", "benchtime": "100ms",
}

// Phases that --skip leaves out and --only picks.
const (
	phaseMicro    = "micro"
	phaseSearch   = "search"
	phaseSidecars = "legs"
	phaseSlow     = "slow"
	phaseIntake   = "ingest"
	phaseLarge    = "large"
)

var phases = []string{phaseMicro, phaseSearch, phaseSidecars, phaseSlow, phaseIntake, phaseLarge}

// runs says whether a phase is part of the run.
func (o options) runs(phase string) bool {
	return (len(o.only) == 0 || slices.Contains(o.only, phase)) && !slices.Contains(o.skip, phase)
}

func parseOptions(args []string, out io.Writer) (options, error) {
	o := options{copies: numbers{1, 2}, connections: numbers{1, 8, 32, 128}, hits: numbers{20, 1000}}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	f.BoolVar(&o.quick, "quick", false, "a short form of one or two minutes: fewer documents, searches and rounds")
	f.StringVar(&o.json, "json", "", "file for the results (default bench/results/TIME.json)")
	f.StringVar(&o.profiles, "pprof", "", "folder for CPU profiles of gateway and sidecars, taken after the searches were measured")
	f.Var(&o.skip, "skip", "what to leave out, separated by commas: micro (Go benchmarks), search, legs (searches of the legs alone), slow (searches while one node is slow), ingest (ways of loading), large (one large body into nodes that swallow it)")
	f.Var(&o.only, "only", "what to run, separated by commas, and nothing else")
	f.Var(&o.copies, "rf", "copies of every shard: one cluster each")
	f.Var(&o.connections, "connections", "connections that search at once: one level each")
	f.Var(&o.hits, "hits", "hits of a page: one series of levels each")
	f.IntVar(&o.nodes, "nodes", 3, "nodes of a cluster")
	f.IntVar(&o.shards, "shards", 64, "shards of the index")
	f.IntVar(&o.queries, "queries", 400, "different searches")
	f.IntVar(&o.rounds, "rounds", 5, "rounds of a level, in each of which every target gets its searches")
	f.IntVar(&o.documents, "documents", cities.Count, "cities to load")
	f.IntVar(&o.intake, "ingest-documents", 50000, "documents of one load when ways of loading are compared; 0 compares none")
	f.IntVar(&o.large, "large-mib", 2048, "MiB of NDJSON in one request into nodes that swallow it")
	f.DurationVar(&o.benchtime, "benchtime", time.Second, "how long each Go benchmark runs")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the searches")
	if err := lifecycle.ParseFlags(f, args); err != nil {
		return o, err
	}
	if o.quick {
		given := map[string]bool{}
		f.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, value := range quick {
			if given[name] || name == "skip" && given["only"] {
				continue
			}
			if err := f.Set(name, value); err != nil {
				return o, fmt.Errorf("flags: %w", err)
			}
		}
	}
	return o, o.validate()
}

func (o options) validate() error {
	var wrong []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	for _, word := range o.skip {
		check(slices.Contains(phases, word), "--skip: there is no %q", word)
	}
	for _, word := range o.only {
		check(slices.Contains(phases, word), "--only: there is no %q", word)
	}
	for _, n := range o.copies {
		check(n >= 1 && n <= o.nodes, "--rf %d is not within 1 to the number of nodes", n)
	}
	for _, n := range o.connections {
		check(n >= 1 && n <= 1000, "--connections %d is not within 1 to 1000", n)
	}
	for _, n := range o.hits {
		check(n >= 1 && n <= 1000, "--hits %d is not within 1 to 1000", n)
	}
	check(o.queries >= 1, "--queries %d is not positive", o.queries)
	check(o.rounds >= 1, "--rounds %d is not positive", o.rounds)
	check(o.documents >= 1 && o.documents <= cities.Count, "--documents %d is not within 1 to %d", o.documents, cities.Count)
	check(o.intake >= 0 && o.intake <= cities.Count, "--ingest-documents %d is not within 0 to %d", o.intake, cities.Count)
	check(o.large >= 1 && o.large <= 1<<16, "--large-mib %d is not within 1 to 65536", o.large)
	check(o.benchtime > 0, "--benchtime %s is not positive", o.benchtime)
	if len(wrong) > 0 {
		return lifecycle.UsageError("%v", errors.Join(wrong...))
	}
	return nil
}

// words is a flag of words separated by commas.
type words []string

// String implements flag.Value.
func (w *words) String() string { return strings.Join(*w, ",") }

// Set implements flag.Value.
func (w *words) Set(s string) error {
	*w = strings.Split(s, ",")
	return nil
}

// numbers is a flag of numbers separated by commas.
type numbers []int

// String implements flag.Value.
func (n *numbers) String() string {
	list := make([]string, len(*n))
	for i, v := range *n {
		list[i] = strconv.Itoa(v)
	}
	return strings.Join(list, ",")
}

// Set implements flag.Value.
func (n *numbers) Set(s string) error {
	*n = nil
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q is no number", part)
		}
		*n = append(*n, v)
	}
	return nil
}
