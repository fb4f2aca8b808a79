package settings

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

// qps is how many searches a second a reader makes (A5.1).
const qps = 200

var _ = Describe("Settings of an index in two replica groups", Ordered, func() {
	var (
		cluster *provider.Local
		client  place
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		cluster, err = provider.StartLocal(ctx, root, provider.Options{Nodes: 4, Groups: 2, Replicas: 1, Shards: 4, StayDown: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(cluster.Stop)
		client = place{cluster.URL(), cluster.MasterKey()}
		client.fill("words")
	}, NodeTimeout(patience))

	It("change under a reader without an answer that mixes versions (A5.1)", func() {
		for round := range 3 {
			before := client.version(settings)
			word := fmt.Sprintf("omega%d", round)
			body := fmt.Sprintf(`{"q":%q,"limit":3,"hitsPerPage":3}`, word)
			stop := client.read(body)
			client.run("PATCH", settings, fmt.Sprintf(`{"synonyms":{%q:["alpha"]},"sortableAttributes":["k%d"]}`, word, round))
			Expect(client.version(settings)).To(Equal(before + 1))
			seen, marked := stop()
			GinkgoWriter.Printf("%v, %d marked\n", seen, marked)
			Expect(marked).To(BeZero(), "answers that may be mixed, beside %v", seen)
			old, fresh := strconv.FormatUint(before, 10), strconv.FormatUint(before+1, 10)
			for v, totals := range seen {
				Expect(v).To(BeElementOf(old, fresh))
				want := 0
				if v == fresh {
					want = plenty
				}
				Expect(totals).To(HaveLen(1), "%s: %v", v, totals)
				Expect(totals).To(HaveKey(want), "%s: %v", v, totals)
			}
			Expect(seen).To(HaveLen(2), "answers were given before and after the change")
		}
	})

	It("change over a kill -9 of the coordinator, wherever it is (A5.2, BG-8)", func() {
		base := client.version(settings)
		for i := range 6 {
			word := fmt.Sprintf("sigma%d", i)
			stop := client.read(fmt.Sprintf(`{"q":%q,"hitsPerPage":1}`, word))
			uid := client.enqueue("PATCH", settings, fmt.Sprintf(`{"synonyms":{%q:["alpha"]},"sortableAttributes":["s%d"]}`, word, i))
			<-time.After(time.Duration(i) * 60 * time.Millisecond) // another moment each time, so that every phase is met
			Expect(cluster.Kill("coordinator-0")).To(Succeed())
			revive(cluster)
			t := client.ended(uid)
			Expect(t.Status).To(Equal("succeeded"), "%+v", t.Error)
			Expect(client.version(settings)).To(Equal(base+uint64(i)+1), "one version for each change, whatever was killed")
			seen, marked := stop()
			Expect(marked).To(BeZero(), "answers that may be mixed, beside %v", seen)
			for v, totals := range seen {
				Expect(totals).To(HaveLen(1), "%s: %v", v, totals)
			}
		}
	})

	It("are refused at once in the words of an engine, and leave no task", func() {
		for body, code := range map[string]string{
			`{"stopWords":1}`: "invalid_settings_stop_words", `{"nope":1}`: "bad_request", `{"rankingRules":["nope"]}`: "invalid_settings_ranking_rules",
		} {
			a := client.ask("PATCH", settings, body)
			Expect(a.status).To(Equal(http.StatusBadRequest), "%s", a.body)
			Expect(string(a.body)).To(ContainSubstring(code))
		}
		a := client.ask("PUT", settings+"/stop-words", `{"a":1}`)
		Expect(a.status).To(Equal(http.StatusBadRequest), "%s", a.body)
	})

	It("change without a node that is stopped on the way, which serves nothing before it has them (A5.3)", func() {
		before := client.version(settings)
		node := cluster.Nodes()[3]
		uid := client.enqueue("PATCH", settings, `{"synonyms":{"theta":["alpha"]},"sortableAttributes":["t"]}`)
		Expect(cluster.Kill("engine-" + strings.TrimPrefix(node.ID, "node-"))).To(Succeed())
		Expect(client.ended(uid).Status).To(Equal("succeeded"))
		Expect(client.version(settings)).To(Equal(before + 1))
		stop := client.read(`{"q":"theta","hitsPerPage":1}`)
		Expect(cluster.Revive()).To(Succeed())
		admin, err := cluster.AdminKey()
		Expect(err).NotTo(HaveOccurred())
		operator := place{cluster.Admin(), admin}
		Eventually(func() []string { return operator.states("words") }).WithTimeout(patience).WithPolling(50 * time.Millisecond).
			Should(HaveEach("in_step"))
		seen, marked := stop()
		Expect(marked).To(BeZero(), "answers that may be mixed, beside %v", seen)
		for v, totals := range seen {
			Expect(totals).To(HaveLen(1), "%s: %v", v, totals)
			Expect(totals).To(HaveKey(plenty), "%s: %v", v, totals)
		}
	})
})

// revive starts the coordinator again that was killed.
func revive(cluster *provider.Local) {
	GinkgoHelper()
	admin := place{cluster.Admin(), ""}
	answers := func() error {
		_, err := admin.send("GET", "/_miroir/ready", "")
		return err
	}
	Eventually(answers).WithTimeout(patience).WithPolling(time.Millisecond).ShouldNot(Succeed())
	Eventually(func() error {
		if err := cluster.Revive(); err != nil {
			return err
		}
		return answers()
	}).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(Succeed())
}
