package settings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

func TestSettings(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "settings")
}

const (
	headerVersion      = "X-Miroir-Settings-Version"
	headerFloor        = "X-Miroir-Min-Settings-Version"
	headerInconsistent = "X-Miroir-Settings-Inconsistent"
	search             = "/indexes/words/search"
	settings           = "/indexes/words/settings"
)

// plenty is how many documents there are: an engine is at a change of its settings for a while.
const plenty = 6000

var _ = Describe("Settings of an index", Ordered, func() {
	var (
		cluster *provider.Local
		client  place
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		cluster, err = provider.StartLocal(ctx, root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 6})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(cluster.Stop)
		client = place{cluster.URL(), cluster.MasterKey()}
		client.fill("words")
	}, NodeTimeout(patience))

	version := func() uint64 {
		GinkgoHelper()
		return client.version(settings)
	}

	settled := func() {
		GinkgoHelper()
		client.settled()
	}

	It("have a version that every answer names and that rises by one with every change", func() {
		settled()
		before := version()
		client.run("PUT", settings+"/stop-words", `["the"]`)
		Expect(version()).To(Equal(before + 1))
		settled()
		want := strconv.FormatUint(before+1, 10)
		for _, r := range [][3]string{
			{"POST", search, `{"q":"word1"}`}, {"GET", search + "?q=word1", ""}, {"POST", "/indexes/words/documents/fetch", `{}`},
			{"GET", "/indexes/words/documents/7", ""}, {"POST", "/indexes/words/facet-search", `{"facetName":"kind"}`}, {"GET", settings + "/stop-words", ""},
		} {
			a := client.ask(r[0], r[1], r[2])
			Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
			Expect(a.header.Get(headerVersion)).To(Equal(want), "%v", r)
			Expect(a.header.Get(headerInconsistent)).To(BeEmpty(), "%v", r)
		}
	})

	It("are waited for where a client asks for a version (RD-10, A5.6)", func() {
		before := version()
		floor := func(v string) answer { return client.ask("POST", search, `{"q":"word1"}`, headerFloor, v) }
		Expect(floor(strconv.FormatUint(before, 10)).status).To(Equal(http.StatusOK))
		late := floor(strconv.FormatUint(before+1, 10))
		Expect(late.status).To(Equal(http.StatusServiceUnavailable))
		Expect(string(late.body)).To(ContainSubstring("miroir_settings_version_stale"))
		Expect(late.header.Get("Retry-After")).To(Equal("1"))
		Expect(floor("abc").status).To(Equal(http.StatusBadRequest))
		client.run("PUT", settings+"/stop-words", `["a"]`)
		now := floor(strconv.FormatUint(before+1, 10))
		Expect(now.status).To(Equal(http.StatusOK), "%s", now.body)
		Expect(now.header.Get(headerVersion)).To(Equal(strconv.FormatUint(before+1, 10)))
		Expect(now.header.Get(headerInconsistent)).To(BeEmpty())
	})

	It("are never mixed silently: whatever is not one version or the other says so", func() {
		settled()
		body := `{"q":"omega","limit":1,"hitsPerPage":1}`
		total := func(a answer) int {
			var found struct{ TotalHits int }
			Expect(json.Unmarshal(a.body, &found)).To(Succeed())
			return found.TotalHits
		}
		none := client.ask("POST", search, body)
		Expect(total(none)).To(BeZero())
		old := none.header.Get(headerVersion)
		stop := make(chan struct{})
		var all sync.WaitGroup
		var mu sync.Mutex
		seen := map[string][]int{} // totals by version, "" for the answers that say that they may be mixed
		for range 4 {
			all.Go(func() {
				defer GinkgoRecover()
				for {
					select {
					case <-stop:
						return
					default:
					}
					a := client.ask("POST", search, body)
					v := a.header.Get(headerVersion)
					if a.header.Get(headerInconsistent) != "" {
						v = ""
					}
					mu.Lock()
					if n := total(a); !slices.Contains(seen[v], n) {
						seen[v] = append(seen[v], n)
					}
					mu.Unlock()
				}
			})
		}
		client.run("PATCH", settings, `{"synonyms":{"omega":["alpha"]},"sortableAttributes":["kind"]}`)
		settled()
		close(stop)
		all.Wait()
		fresh := client.ask("POST", search, body)
		Expect(total(fresh)).To(Equal(plenty))
		Expect(seen[old]).To(Equal([]int{0}), "%v", seen)
		for v, totals := range seen {
			if v != "" && v != old {
				Expect(totals).To(Equal([]int{plenty}), "%v", seen)
			}
		}
		Expect(seen).To(HaveKey(""), "between the two versions answers were given")
	})

	It("are brought back on a node that somebody else changes (A5.5)", func() {
		settled()
		key, err := cluster.EngineKey()
		Expect(err).NotTo(HaveOccurred())
		engine := place{cluster.Nodes()[0].Engine, key}
		var list struct{ Results []struct{ UID string } }
		Expect(json.Unmarshal(engine.ask("GET", "/indexes", "").body, &list)).To(Succeed())
		physical := list.Results[0].UID
		before := version()
		engine.run("PATCH", "/indexes/"+physical+"/settings", `{"synonyms":{"omega":["nothing"],"gamma":["alpha"]},"stopWords":null}`)
		Eventually(func() string {
			return string(engine.ask("GET", "/indexes/"+physical+"/settings/synonyms", "").body)
		}).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(Equal(`{"omega":["alpha"]}`))
		Expect(version()).To(Equal(before))
		settled()
		Expect(string(client.ask("POST", search, `{"q":"gamma"}`).body)).To(ContainSubstring(`"hits":[]`))
	})

	It("are taken back where one document does not allow a change, and writes go on (A5.4)", func() {
		const one = "/indexes/one"
		client.run("POST", one+"/documents", `[{"id":1,"text":"alpha"}]`)
		before := client.ask("GET", one+"/settings", "")
		mismatches := func() string {
			return regexp.MustCompile(`(?m)^miroir_settings_hash_mismatch_total .*$`).FindString(string(place{cluster.Admin(), ""}.ask("GET", "/_miroir/metrics", "").body))
		}
		none := mismatches()
		Expect(none).NotTo(BeEmpty())
		for range 2 { // of an index that never had a change committed, and of one that had
			t := client.ended(client.enqueue("PATCH", one+"/settings", `{"embedders":{"mine":{"source":"userProvided","dimensions":2}},
				"displayedAttributes":["id"],"searchableAttributes":["text"],"filterableAttributes":["text"],"sortableAttributes":["id"],
				"rankingRules":["words"],"stopWords":["the"],"synonyms":{"a":["b"]},"distinctAttribute":"id","typoTolerance":{"enabled":false,
				"minWordSizeForTypos":{"oneTypo":4}},"faceting":{"maxValuesPerFacet":20},"pagination":{"maxTotalHits":10},
				"proximityPrecision":"byAttribute","facetSearch":false,"prefixSearch":"disabled","localizedAttributes":[{"attributePatterns":["text"],
				"locales":["fra"]}],"separatorTokens":["|"],"nonSeparatorTokens":["#"],"dictionary":["J. R. R."],"searchCutoffMs":500}`))
			Expect(t.Status).To(Equal("failed"))
			Expect(t.Error.Code).To(Equal("vector_embedding_error"), "%+v", t.Error)
			after := client.ask("GET", one+"/settings", "")
			Expect(string(after.body)).To(Equal(string(before.body)))
			Expect(after.header.Get(headerVersion)).To(Equal(before.header.Get(headerVersion)))
			client.run("POST", one+"/documents", `[{"id":1,"text":"beta"}]`)
			client.run("PUT", one+"/settings/stop-words", `["of"]`)
			before = client.ask("GET", one+"/settings", "")
		}
		Expect(mismatches()).To(Equal(none), "engines show what they were set back to as it was sent")
	})

	It("come to one end over a kill -9 of the coordinator, wherever it is (A5.2, BG-8)", func() {
		base := version()
		for i := range 6 {
			uid := client.enqueue("PUT", settings+"/stop-words", fmt.Sprintf(`["word%d","x%d"]`, i, i))
			<-time.After(time.Duration(i) * 40 * time.Millisecond) // another moment each time, so that every phase is met
			Expect(cluster.Kill("coordinator-0")).To(Succeed())
			t := client.ended(uid)
			Expect(t.Status).To(Equal("succeeded"), "%+v", t.Error)
			Expect(version()).To(Equal(base+uint64(i)+1), "one version for each change, whatever was killed")
			Expect(string(client.ask("GET", settings+"/stop-words", "").body)).To(Equal(fmt.Sprintf(`["word%d","x%d"]`, i, i)))
		}
		settled()
	})
})
