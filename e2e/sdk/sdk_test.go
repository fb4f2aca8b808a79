package sdk

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

const root = "../.."

// lone is the Meilisearch beside the cluster.
var lone *node.Node

func TestSDK(t *testing.T) {
	RegisterFailHandler(Fail)
	lone = node.Start(t, node.Options{})
	RunSpecs(t, "sdk")
}

// checked are the lines of a tour's list of methods.
var checked = regexp.MustCompile(`(?m)^(ok|501|MISSED) +(\S+)`)

// take runs a tour and returns the methods that were called, with how each of them ended.
func take(run, environment []string, url, key string) map[string]string {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, run[0], run[1:]...) //nolint:gosec // the project's own scripts
	c.Env = append(append(os.Environ(), environment...), "MEILI_URL="+url, "MEILI_KEY="+key)
	var out bytes.Buffer
	c.Stdout = io.MultiWriter(&out, GinkgoWriter)
	c.Stderr = c.Stdout
	Expect(c.Run()).To(Succeed(), "the tour at %s:\n%s", url, &out)
	methods := map[string]string{}
	for _, m := range checked.FindAllStringSubmatch(out.String(), -1) {
		methods[m[2]] = m[1]
	}
	Expect(len(methods)).To(BeNumerically(">", 100), "the list of methods:\n%s", &out)
	return methods
}

// DO-3, IN-1, TE-4: only the address differs.
var _ = Describe("IN-1, TE-4: the official packages, unchanged, offer at a cluster what they offer at one Meilisearch", func() {
	BeforeEach(func() { need.Feature(GinkgoT(), need.V150Answers) }) // every spec tells its need, and nothing is started in vain
	Context("one after the other", Ordered, tours)
})

func tours() {
	var cluster provider.Cluster

	BeforeAll(func() {
		var err error
		cluster, err = provider.StartLocal(context.Background(), root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	})

	DescribeTable("every method, every outcome checked",
		func(install func() (run, environment []string, err error), n need.Need, programs ...string) {
			if n != "" { // the tests themselves need Go
				need.Programs(GinkgoT(), n, programs...)
			}
			run, environment, err := install()
			Expect(err).NotTo(HaveOccurred())
			alone := take(run, environment, lone.URL, lone.MasterKey)
			together := take(run, environment, cluster.URL(), cluster.MasterKey())
			for method, how := range alone {
				Expect(how).To(Equal("ok"), "%s at one Meilisearch", method)
				Expect(together[method]).To(Or(Equal("ok"), Equal("501")), "%s at the cluster", method)
			}
			Expect(together).To(HaveLen(len(alone)))
		},
		Entry("Go", goTour, need.Need("")),
		Entry("Python", pythonTour, need.Python, "python3"),
		Entry("JavaScript", javascriptTour, need.Node, "node", "npm"),
	)
}
