package webhooks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

func TestWebhooks(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "webhooks")
}

// here lets webhooks be on this machine.
const here = "--webhook-allowed-networks=127.0.0.0/8"

func start(ctx SpecContext, o provider.Options) (*provider.Local, place) {
	GinkgoHelper()
	o.Groups, o.Shards = 1, 4
	cluster, err := provider.StartLocal(ctx, root, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		if CurrentSpecReport().Failed() {
			AddReportEntry("coordinator-0", cluster.Log("coordinator-0"))
		}
		Expect(cluster.Stop()).To(Succeed())
	})
	return cluster, place{cluster.URL(), cluster.MasterKey()}
}

var _ = Describe("Webhooks", func() {
	It("get every task that ends after they were made when the coordinator dies before it could post", func(ctx SpecContext) {
		cluster, whole := start(ctx, provider.Options{Nodes: 2, Replicas: 1, Flags: []string{"--coordinator-flag", here}})
		down := newReceiver(true)
		whole.ended("POST", "/indexes", `{"uid":"before"}`)
		uuid := whole.hook(`{"url":"` + down.URL + `"}`)
		var want []string
		for n := range 5 {
			want = append(want, whole.ended("POST", "/indexes/movies/documents", fmt.Sprintf(`[{"id":%d}]`, n)))
		}
		want = append(want, whole.ended("POST", "/indexes", `{"uid":"movies"}`)) // fails
		Eventually(down.requests).WithTimeout(patience).Should(BeNumerically(">", 0))
		Expect(cluster.Kill("coordinator-0")).To(Succeed())
		down.open()
		Eventually(down.taken).WithTimeout(patience).WithPolling(20 * time.Millisecond).Should(ConsistOf(want))
		status, _ := whole.send("DELETE", "/webhooks/"+uuid, "")
		Expect(status).To(Equal(http.StatusNoContent))
	}, NodeTimeout(2*patience))

	It("get them again when it dies before it has noted that they took them", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		_, whole := start(ctx, provider.Options{Nodes: 2, Replicas: 1, Dir: dir, Flags: []string{"--failpoints", "--coordinator-flag", here}})
		up := newReceiver(false)
		whole.hook(`{"url":"` + up.URL + `"}`)
		points := filepath.Join(dir, "failpoints", "coordinator-0")
		var want []string
		for n, point := range []string{
			failpoint.Name("webhook", "post", false), failpoint.Name("webhook", "post", true),
			failpoint.Name("webhook", "note", false), failpoint.Name("webhook", "note", true),
		} {
			Expect(failpoint.Arm(points, point)).To(Succeed())
			want = append(want, whole.ended("POST", "/indexes/movies/documents", fmt.Sprintf(`[{"id":%d}]`, n)))
			Eventually(func() bool { return failpoint.Armed(points, point) }).WithTimeout(patience).Should(BeFalse(), point)
			Eventually(up.taken).WithTimeout(patience).WithPolling(20*time.Millisecond).Should(ConsistOf(want), point)
		}
	}, NodeTimeout(2*patience))

	It("on private networks are not asked unless they may be", func(ctx SpecContext) {
		cluster, whole := start(ctx, provider.Options{Nodes: 1, Replicas: 1})
		up := newReceiver(false)
		whole.hook(`{"url":"` + up.URL + `"}`)
		whole.ended("POST", "/indexes/movies/documents", `[{"id":1}]`)
		Eventually(func() string { return cluster.Log("coordinator-0") }).WithTimeout(patience).Should(ContainSubstring("webhook did not take tasks"))
		Expect(up.requests()).To(BeZero())
		Expect(cluster.Log("coordinator-0")).To(And(ContainSubstring("not public"), Not(ContainSubstring(up.URL))))
	}, NodeTimeout(patience))

	Context("of one Meilisearch", func() {
		BeforeEach(func() { need.Feature(GinkgoT(), need.V150Routes) }) // every spec tells its need, and nothing is started in vain

		It("are asked in the same way", func(ctx SpecContext) {
			GinkgoT().Setenv("MEILI_EXPERIMENTAL_ALLOWED_IP_NETWORKS", "127.0.0.0/8") // the coordinator goes by it too
			one := node.Start(GinkgoTB(), node.Options{})
			_, whole := start(ctx, provider.Options{Nodes: 2, Replicas: 1})
			alone := place{one.URL, one.MasterKey}
			theirs, ours := newReceiver(false), newReceiver(false)
			for p, r := range map[place]*receiver{alone: theirs, whole: ours} {
				p.hook(`{"url":"` + r.URL + `","headers":{"Authorization":"Bearer x","X-Two":"2"}}`)
			}
			for _, step := range [][3]string{
				{"POST", "/indexes/movies/documents?customMetadata=mine", `[{"id":1},{"id":2}]`},
				{"PATCH", "/indexes/movies/settings", `{"stopWords":["a"]}`},
				{"POST", "/indexes", `{"uid":"movies"}`},
				{"DELETE", "/indexes/movies/documents/1", ""},
				{"POST", "/tasks/cancel?statuses=enqueued", ""},
				{"DELETE", "/indexes/movies", ""},
			} {
				alone.ended(step[0], step[1], step[2])
				whole.ended(step[0], step[1], step[2])
			}
			Eventually(func() int { return len(theirs.taken()) }).WithTimeout(patience).Should(Equal(6))
			Eventually(func() int { return len(ours.taken()) }).WithTimeout(patience).Should(Equal(6))
			var want, got []string
			for i := range 6 {
				want, got = append(want, plain(theirs.taken()[i])), append(got, plain(ours.taken()[i]))
			}
			Expect(got).To(ConsistOf(want))
			for _, name := range []string{"Content-Type", "Content-Encoding", "Accept-Encoding", "Accept", "Authorization", "X-Two", "Transfer-Encoding"} {
				Expect(ours.header[name]).To(Equal(theirs.header[name]), name)
			}
		}, NodeTimeout(2*patience))
	})
})

// plain is a line without what no two runs have in common, its members in their order.
func plain(line string) string {
	GinkgoHelper()
	var out strings.Builder
	d := json.NewDecoder(strings.NewReader(line))
	_, err := d.Token()
	Expect(err).NotTo(HaveOccurred())
	for d.More() {
		name, err := d.Token()
		Expect(err).NotTo(HaveOccurred())
		var value json.RawMessage
		Expect(d.Decode(&value)).To(Succeed())
		switch name {
		case "duration", "enqueuedAt", "startedAt", "finishedAt":
			value = value[:1]
		}
		fmt.Fprintf(&out, "%s=%s\n", name, value)
	}
	return out.String()
}
