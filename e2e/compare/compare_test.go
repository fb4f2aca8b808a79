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
	name    string
	options provider.Options
}

// configurations share the queries. Both numbers of copies and both numbers of groups are in a quick run, all
// combinations in a long one.
func configurations(queries int) []configuration {
	list := []configuration{
		{"one group of three nodes, every document twice", provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16}},
		{"two groups of two nodes, every document once in each", provider.Options{Nodes: 4, Groups: 2, Replicas: 1, Shards: 16}},
	}
	if queries <= quick {
		return list
	}
	return append(list,
		configuration{"one group of three nodes, every document once", provider.Options{Nodes: 3, Groups: 1, Replicas: 1, Shards: 16}},
		configuration{"two groups of two nodes, every document twice in each", provider.Options{Nodes: 4, Groups: 2, Replicas: 2, Shards: 16}},
	)
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

var _ = Describe("TE-3, MG-1 to MG-9, RD-5: a cluster answers as one engine", Ordered, ContinueOnFailure, func() {
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

	queries := setting("COMPARE_QUERIES", quick)
	all := configurations(queries)
	for at, c := range all {
		It(c.name, func(ctx context.Context) {
			cluster, err := provider.StartLocal(ctx, root, c.options)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
			j.Cluster = judge.Server{URL: cluster.URL(), Key: cluster.MasterKey(), Client: &http.Client{Transport: &http.Transport{}}}
			for _, c := range j.Corpora {
				Expect(load(ctx, j.Cluster, c)).To(Succeed())
			}
			first, last := at*queries/len(all), (at+1)*queries/len(all)
			if only := setting("COMPARE_ONLY", -1); only >= 0 {
				first, last = only, only+1
			}
			run := run{judge: &j, seed: seed, tally: newTally(c.name)}
			for n := first; n < last; n++ {
				Expect(run.compare(ctx, query.Make(seed, n, mix(), j.Corpora))).To(Succeed())
			}
			run.end()
		})
	}
})

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
