package compare

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
	"github.com/miroir-search/miroir/e2e/compare/judge"
	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/golden"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

const (
	root = "../.."
	// A failing query is made smaller with at most so many questions, and only so many are.
	shrinkTries = 150
	shrunkMost  = 5
)

func TestCompare(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "compare")
}

// setting is a number given by the environment.
func setting(name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return n
}

// configuration is a form of cluster.
type configuration struct {
	name      string
	options   provider.Options
	disturbed bool // nodes are stopped and started meanwhile
	first     int  // number of its first query
	queries   int
}

// configurations are the forms of cluster with their queries. With each, all forms get so many of their own; else a short run
// has both numbers of copies and both numbers of groups share the queries, and a few are asked while a node is down.
func configurations(each, queries int) []configuration {
	twice := configuration{name: "one group of three nodes, every document twice", options: provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16}}
	groups := configuration{name: "two groups of two nodes, every document once in each", options: provider.Options{Nodes: 4, Groups: 2, Replicas: 1, Shards: 16}}
	down := configuration{
		name: "one group of three nodes, every document twice, nodes stopped and started", disturbed: true,
		options: provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16, StayDown: true},
	}
	list := []configuration{twice, groups}
	if each > 0 || queries > quick {
		list = append(list,
			configuration{name: "one group of three nodes, every document once", options: provider.Options{Nodes: 3, Groups: 1, Replicas: 1, Shards: 16}},
			configuration{name: "two groups of two nodes, every document twice in each", options: provider.Options{Nodes: 4, Groups: 2, Replicas: 2, Shards: 16}})
	}
	for i := range list {
		list[i].first, list[i].queries = i*each, each
		if each == 0 {
			list[i].first = i * queries / len(list)
			list[i].queries = (i+1)*queries/len(list) - list[i].first
		}
	}
	down.first, down.queries = max(queries, len(list)*each), max(each, min(queries, quick)/10)
	return append(list, down)
}

// unserved are the kinds of requests that the gateway does not serve yet, or not in all forms.
func unserved() map[query.Kind]bool {
	return map[query.Kind]bool{}
}

// mix is what is asked for.
func mix() query.Mix {
	if kind := os.Getenv("COMPARE_KIND"); kind != "" {
		return query.Mix{{Kind: query.Kind(kind), Share: 1}}
	}
	return query.Mix{
		{Kind: query.Search, Share: 44}, {Kind: query.Keyed, Share: 6}, {Kind: query.SearchGet, Share: 6}, {Kind: query.FacetSearch, Share: 7},
		{Kind: query.Documents, Share: 7}, {Kind: query.Multi, Share: 5}, {Kind: query.Federated, Share: 6},
		{Kind: query.Semantic, Share: 6}, {Kind: query.Similar, Share: 4}, {Kind: query.Bad, Share: 9},
	}
}

// quick is the number of queries of a run that nobody asked more of.
const quick = 520

var _ = Describe("TE-3, MG-1 to MG-9, RD-5, RD-7: a cluster answers as one engine", Ordered, ContinueOnFailure, func() {
	var j judge.Judge
	var seed uint64

	BeforeAll(func(ctx context.Context) {
		seed = uint64(setting("COMPARE_SEED", 1))
		shared, err := golden.Shared()
		Expect(err).NotTo(HaveOccurred())
		movies, err := corpus.Movies(shared)
		Expect(err).NotTo(HaveOccurred())
		cities, err := corpus.Cities(ctx, setting("COMPARE_CITIES", 20_000), seed)
		Expect(err).NotTo(HaveOccurred())
		vectors, err := corpus.Vectors(movies, seed)
		Expect(err).NotTo(HaveOccurred())
		lower, err := corpus.Codes("codes", false, seed)
		Expect(err).NotTo(HaveOccurred())
		mixed, err := corpus.Codes("labels", true, seed)
		Expect(err).NotTo(HaveOccurred())
		single := node.Start(GinkgoTB(), node.Options{})
		j = judge.Judge{
			Single:  judge.Server{URL: single.URL, Key: single.MasterKey, Client: &http.Client{Transport: &http.Transport{}}},
			Corpora: []*corpus.Corpus{movies, cities, vectors, lower, mixed}, Real: single.Real, Unserved: unserved(),
		}
		for _, c := range j.Corpora {
			Expect(load(ctx, j.Single, c)).To(Succeed())
		}
	})

	results := report{path: os.Getenv("COMPARE_REPORT")}
	for _, c := range configurations(setting("COMPARE_EACH", 0), setting("COMPARE_QUERIES", quick)) {
		It(c.name, func(ctx context.Context) {
			cluster, err := provider.StartLocal(ctx, root, c.options)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
			j.Cluster = judge.Server{URL: cluster.URL(), Key: cluster.MasterKey(), Client: &http.Client{Transport: &http.Transport{}}}
			for _, c := range j.Corpora {
				Expect(load(ctx, j.Cluster, c)).To(Succeed())
			}
			if only := setting("COMPARE_ONLY", -1); only >= 0 {
				c.first, c.queries = only, 1
			}
			run := run{judge: &j, seed: seed, tally: newTally(c.name)}
			ask := func(n int) error { return run.compare(ctx, query.Make(seed, n, mix(), j.Corpora)) }
			if c.disturbed {
				run.tally.disturbed, err = newDisturber(ctx, cluster, min(50, c.queries/5))
				Expect(err).NotTo(HaveOccurred())
			}
			for n := 0; n < c.queries || c.disturbed && run.tally.disturbed.cycles == 0; n++ {
				number := c.first + n
				if c.disturbed {
					Expect(run.tally.disturbed.during(func() error { return ask(number) })).To(Succeed())
				} else {
					Expect(ask(number)).To(Succeed())
				}
			}
			results.seed = seed
			Expect(results.add(run.tally)).To(Succeed())
			run.end()
		})
	}
})

// headerDegraded names what an answer lacks: nothing, as long as every shard has a copy that is up (RD-7).
const headerDegraded = "X-Miroir-Degraded"

// run is the queries of one configuration.
type run struct {
	judge    *judge.Judge
	seed     uint64
	tally    *tally
	failures []string
}

// compare asks both sides a query. Its error is one of asking.
func (r *run) compare(ctx context.Context, q query.Query) error {
	began := time.Now()
	v, first, err := r.judge.Compare(ctx, q)
	r.tally.took += time.Since(began)
	if err != nil {
		return fmt.Errorf("query %d, %s %s: %w", q.Number, q.Target(), q.Payload(), err)
	}
	r.tally.add(q, v)
	if lacks := first.Cluster.Header.Get(headerDegraded); lacks != "" {
		r.tally.degraded++
		r.failures = append(r.failures, fmt.Sprintf("query %d, %s %s: the answer lacks %s\n", q.Number, q.Target(), q.Payload(), lacks))
	}
	if v.Class != judge.Different {
		return nil
	}
	if len(r.failures) >= shrunkMost {
		r.failures = append(r.failures, fmt.Sprintf("query %d, %s %s: %s\n", q.Number, q.Target(), q.Payload(), v.Why))
		return nil
	}
	small := query.Shrink(q, shrinkTries, func(q query.Query) bool {
		v, pair, err := r.judge.Compare(ctx, q)
		return err == nil && v.Class == judge.Different && pair.Single.Status == first.Single.Status
	})
	again, pair, err := r.judge.Compare(ctx, small)
	if err != nil {
		return err
	}
	r.failures = append(r.failures, fmt.Sprintf("query %d of seed %d, %s %s: %s\n%s\n%s\n  engine  %.600s\n  cluster %.600s\n",
		q.Number, r.seed, q.Target(), q.Payload(), again.Why, small.Curl(r.judge.Single.URL, r.judge.Single.Key),
		small.Curl(r.judge.Cluster.URL, r.judge.Cluster.Key), pair.Single.Raw, pair.Cluster.Raw))
	return nil
}

// end prints the table and fails for what may not be.
func (r *run) end() {
	r.tally.print(os.Stdout)
	for _, failure := range r.failures {
		_, _ = fmt.Fprintln(os.Stdout, failure)
	}
	Expect(len(r.failures)).To(BeZero(), "real differences, printed above")
	for kind := range r.judge.Unserved {
		Expect(r.tally.kinds[kind]).To(Or(BeEmpty(), HaveKey(judge.Unserved)), "%s is served now: take it off the list", kind)
	}
	Expect(r.tally.beyond(r.judge.Real)).To(BeEmpty(), "classes beyond their share")
}
