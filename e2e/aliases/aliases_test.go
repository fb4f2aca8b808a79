package aliases

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/operator"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
)

var _ = Describe("F7: aliases on a cluster of three nodes", Ordered, func() {
	var cluster provider.Cluster
	var master client
	var tool operator.Ctl

	BeforeAll(func() {
		var err error
		cluster, err = provider.StartLocal(context.Background(), root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 8})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
		master, tool = client{cluster.URL(), cluster.MasterKey()}, operator.New(root, cluster)
		for _, uid := range []string{"blue", "green"} {
			master.ok("POST", "/indexes", `{"uid":"`+uid+`","primaryKey":"id"}`)
			master.ok("PATCH", "/indexes/"+uid+"/settings", `{"filterableAttributes":["colour","rank","id"],"sortableAttributes":["rank","id"]}`)
			master.ok("POST", "/indexes/"+uid+"/documents", documents(uid, 0, 30))
		}
	})

	It("is made, listed, shown and flipped by miroir-ctl", func() {
		tool.Must("alias", "create", "products", "blue")
		Expect(tool.Must("alias", "list")).To(ContainSubstring("products"))
		var flipped struct {
			Version    int
			Propagated bool
			Acked      int
		}
		Expect(json.Unmarshal([]byte(tool.Must("alias", "flip", "products", "green", "--yes", "-o", "json")), &flipped)).To(Succeed())
		Expect(flipped.Version).To(Equal(2))
		Expect(flipped.Propagated).To(BeTrue())
		Expect(flipped.Acked).To(BeNumerically(">=", 1))
		Expect(master.ids("/indexes/products")).To(ContainElement("green-0"))
		tool.Must("alias", "flip", "products", "blue", "--yes")
		Expect(master.ids("/indexes/products")).To(ContainElement("blue-0"))
		Expect(tool.Must("alias", "show", "products")).To(SatisfyAll(ContainSubstring("blue"), ContainSubstring("admin")))
		for wrong, code := range map[string]int{"create blue green": 6, "flip nobody blue": 1, "create x nobody": 1} {
			words := append([]string{"alias"}, strings.Fields(wrong)...)
			got, _, errs := tool.Run(append(words, "--yes")...)
			Expect(got).To(Equal(code), "%s: %s", wrong, errs)
		}
	})

	// A7.6: as the target's own answer, on every route that reads.
	It("reads as its target does", func() {
		for _, r := range []struct{ method, path, body string }{
			{"POST", "/search", `{"q":"common","facets":["colour"],"sort":["rank:desc"],"limit":7}`},
			{"GET", "/search?q=blue&page=2&hitsPerPage=5", ``},
			{"POST", "/facet-search", `{"facetName":"colour","facetQuery":"r"}`},
			{"GET", "/documents?limit=3&offset=4", ``},
			{"POST", "/documents/fetch", `{"filter":"colour = red","sort":["rank:desc"]}`},
			{"GET", "/documents/blue-7", ``},
			{"GET", "/settings", ``},
			{"GET", "/settings/sortable-attributes", ``},
			{"GET", "/stats", ``},
			{"POST", "/fields", `{}`},
		} {
			by, own := master.ask(r.method, "/indexes/products"+r.path, r.body), master.ask(r.method, "/indexes/blue"+r.path, r.body)
			Expect(by.status).To(Equal(own.status), "%s %s: %s", r.method, r.path, by.body)
			if r.path != "/fields" { // which not every engine has
				Expect(by.status).To(Equal(http.StatusOK), "%s %s: %s", r.method, r.path, by.body)
			}
			Expect(by.timeless()).To(Equal(own.timeless()), "%s %s", r.method, r.path)
		}
		var index struct{ UID, PrimaryKey string }
		master.ask("GET", "/indexes/products", "").into(&index)
		Expect(index.UID).To(Equal("products"))
		var multi struct{ Results []struct{ IndexUID string } }
		master.ask("POST", "/multi-search", `{"queries":[{"indexUid":"products"},{"indexUid":"green"}]}`).into(&multi)
		Expect(multi.Results[0].IndexUID).To(Equal("products"))
	})

	It("takes writes and settings, and tasks know both names", func() {
		task := master.done("POST", "/indexes/products/documents", documents("by-alias", 0, 3))
		Expect(task.Status).To(Equal("succeeded"))
		Expect(task.IndexUID).To(Equal("products"))
		Expect(master.ids("/indexes/blue")).To(ContainElement("by-alias-2"))
		Expect(master.ids("/indexes/green")).NotTo(ContainElement("by-alias-2"))
		for _, name := range []string{"products", "blue"} {
			var list struct{ Results []struct{ UID uint32 } }
			master.ask("GET", "/tasks?limit=1&types=documentAdditionOrUpdate&indexUids="+name, "").into(&list)
			Expect(list.Results).To(HaveLen(1))
			Expect(list.Results[0].UID).To(Equal(task.UID), name)
		}
		master.ok("PUT", "/indexes/products/settings/stop-words", `["the"]`)
		Expect(string(master.ask("GET", "/indexes/blue/settings/stop-words", "").body)).To(Equal(`["the"]`))
		master.ok("DELETE", "/indexes/products/documents/by-alias-0", ``)
		master.ok("POST", "/indexes/products/documents/delete", `{"filter":"id = by-alias-1"}`)
		master.ok("POST", "/indexes/products/documents/delete-batch", `["by-alias-2"]`)
		Expect(master.ids("/indexes/blue")).To(HaveLen(30))
		failed := master.done("POST", "/indexes", `{"uid":"products"}`)
		Expect(failed.Error.Code).To(Equal("index_already_exists"))
		refused := master.ask("DELETE", "/indexes/blue", "")
		Expect(refused.status).To(Equal(http.StatusConflict))
		Expect(refused.code()).To(Equal("miroir_conflict"))
	})

	// F7: an alias of several indexes reads as one index that has all their documents.
	It("reads several indexes as one", func() {
		master.ok("POST", "/indexes", `{"uid":"both","primaryKey":"id"}`)
		master.ok("PATCH", "/indexes/both/settings", `{"filterableAttributes":["colour","rank","id"],"sortableAttributes":["rank","id"],"stopWords":["the"]}`)
		master.ok("PUT", "/indexes/green/settings/stop-words", `["the"]`)
		master.ok("POST", "/indexes/both/documents", documents("blue", 0, 30))
		master.ok("POST", "/indexes/both/documents", documents("green", 0, 30))
		tool.Must("alias", "create", "all", "blue", "green")
		for _, r := range []struct{ method, path, body string }{
			{"POST", "/search", `{"q":"common","facets":["colour","rank"],"sort":["rank:desc","id:asc"],"limit":7}`},
			{"POST", "/search", `{"q":"common","sort":["rank:asc","id:asc"],"offset":5,"limit":50,"attributesToRetrieve":["id"],"attributesToHighlight":["text"]}`},
			{"POST", "/search", `{"q":"green","limit":3,"showRankingScore":true,"showRankingScoreDetails":true}`},
			{"POST", "/search", `{"q":"blue common 7","limit":4,"matchingStrategy":"all"}`},
			{"POST", "/search", `{"q":"","filter":"colour = red AND rank > 3","sort":["rank:desc","id:asc"],"page":2,"hitsPerPage":4}`},
			{"POST", "/search", `{"q":"","distinct":"colour","sort":["rank:desc","id:asc"]}`},
			{"GET", "/search?q=common&sort=rank:desc,id:asc&limit=2&facets=colour", ``},
			{"POST", "/facet-search", `{"facetName":"colour","q":"common"}`},
			{"POST", "/facet-search", `{"facetName":"colour","facetQuery":"r","filter":"rank < 9"}`},
			{"POST", "/documents/fetch", `{"sort":["rank:desc","id:asc"],"limit":9,"offset":3}`},
			{"POST", "/documents/fetch", `{"filter":"colour = green","fields":["id"],"limit":100,"sort":["id:asc"]}`},
			{"GET", "/documents?limit=40&offset=25&fields=id", ``},
			{"GET", "/documents/green-7", ``},
			{"GET", "/documents/blue-7?fields=rank", ``},
			{"GET", "/documents/nobody", ``},
			{"GET", "/settings", ``},
			{"GET", "/settings/stop-words", ``},
			{"POST", "/fields", `{}`},
			{"POST", "/search", `{"q":"","filter":"nothing = 1"}`},
			{"POST", "/search", `{"q":"","sort":["text:asc"]}`},
			{"POST", "/search", `{"q":1}`},
			{"POST", "/search", `{"facets":["text"]}`},
		} {
			by, own := master.ask(r.method, "/indexes/all"+r.path, r.body), master.ask(r.method, "/indexes/both"+r.path, r.body)
			Expect(by.status).To(Equal(own.status), "%s %s %s: %s, %s", r.method, r.path, r.body, by.body, own.body)
			Expect(strings.ReplaceAll(by.timeless(), "`all`", "`both`")).To(Equal(own.timeless()), "%s %s %s", r.method, r.path, r.body)
		}
		var by, own struct{ NumberOfDocuments int }
		master.ask("GET", "/indexes/all/stats", "").into(&by)
		master.ask("GET", "/indexes/both/stats", "").into(&own)
		Expect(by).To(Equal(own))
		var batch struct {
			Results []struct {
				IndexUID           string
				Hits               []map[string]any
				EstimatedTotalHits int
			}
		}
		master.ask("POST", "/multi-search", `{"queries":[{"indexUid":"all","q":"common"},{"indexUid":"blue"}]}`).into(&batch)
		Expect(batch.Results[0].IndexUID).To(Equal("all"))
		Expect(batch.Results[0].EstimatedTotalHits).To(Equal(60))
		Expect(batch.Results[0].Hits[0]).NotTo(HaveKey("_federation"))
		var fed struct {
			Hits []struct {
				Federation struct {
					IndexUID        string
					QueriesPosition int
				} `json:"_federation"`
			}
			EstimatedTotalHits int
			FacetsByIndex      map[string]struct {
				Distribution map[string]map[string]int
			}
		}
		master.ask("POST", "/multi-search", `{"federation":{"limit":100,"facetsByIndex":{"all":["colour"],"both":["colour"]}},
			"queries":[{"indexUid":"both","q":"nothinglikethis"},{"indexUid":"all","q":"common"}]}`).into(&fed)
		Expect(fed.EstimatedTotalHits).To(Equal(60))
		Expect(fed.FacetsByIndex["all"].Distribution["colour"]).To(Equal(map[string]int{"red": 20, "green": 20, "blue": 20}))
		Expect(fed.FacetsByIndex).To(HaveLen(2))
		for _, h := range fed.Hits {
			Expect(h.Federation.IndexUID).To(Equal("all"))
			Expect(h.Federation.QueriesPosition).To(Equal(1))
		}
		refused := master.ask("POST", "/multi-search", `{"federation":{},"queries":[{"indexUid":"both"},{"indexUid":"all","filter":"nothing = 1"}]}`)
		Expect(refused.status).To(Equal(400))
		Expect(string(refused.body)).To(ContainSubstring("Inside `.queries[1]`: "))
		for _, w := range []struct{ method, path, body string }{
			{"POST", "/documents", `[{"id":1}]`}, {"PUT", "/settings/stop-words", `[]`}, {"DELETE", "", ``},
		} {
			r := master.ask(w.method, "/indexes/all"+w.path, w.body)
			Expect(r.status).To(Equal(http.StatusConflict), w.path)
			Expect(r.code()).To(Equal("miroir_multi_alias_not_writable"), w.path)
		}
	})

	// The own engine looks for neighbours in a forest made by chance, and misses some.
	Context("with an engine that finds all neighbours", func() {
		BeforeEach(func() { need.Feature(GinkgoT(), need.V150Answers) })

		// F7: what is similar to a document is looked for in all indexes, as if they were one.
		It("finds similar documents in several indexes as in one", func() {
			for _, uid := range []string{"warm", "cold", "mixed"} {
				master.ok("POST", "/indexes", `{"uid":"`+uid+`","primaryKey":"id"}`)
				master.ok("PATCH", "/indexes/"+uid+"/settings", `{"filterableAttributes":["rank"],"embedders":{"own":{"source":"userProvided","dimensions":3}}}`)
			}
			warm, cold := vectors("warm", 0, 20), vectors("cold", 20, 20)
			master.ok("POST", "/indexes/warm/documents", warm)
			master.ok("POST", "/indexes/cold/documents", cold)
			master.ok("POST", "/indexes/mixed/documents", warm)
			master.ok("POST", "/indexes/mixed/documents", cold)
			tool.Must("alias", "create", "weather", "warm", "cold")
			for _, r := range []struct{ method, path, body string }{
				{"POST", "/similar", `{"id":"warm-3","embedder":"own","showRankingScore":true,"showRankingScoreDetails":true}`},
				{"POST", "/similar", `{"id":"cold-25","embedder":"own","limit":4,"offset":3,"attributesToRetrieve":["rank"]}`},
				{"POST", "/similar", `{"id":"cold-25","embedder":"own","filter":"rank > 8 AND rank < 33","limit":100,"retrieveVectors":true}`},
				{"POST", "/similar", `{"id":"warm-0","embedder":"own","rankingScoreThreshold":0.9}`},
				{"GET", "/similar?id=warm-7&embedder=own&limit=2", ``},
				{"GET", "/similar?id=nobody&embedder=own", ``},
				{"POST", "/similar", `{"id":"warm-3","embedder":"nobody"}`},
				{"POST", "/similar", `{"id":"warm-3","embedder":"own","filter":"text = x"}`},
				{"POST", "/similar", `{"id":["no"],"embedder":"own"}`},
				{"POST", "/similar", `{"id":"warm-3"}`},
			} {
				by, own := master.ask(r.method, "/indexes/weather"+r.path, r.body), master.ask(r.method, "/indexes/mixed"+r.path, r.body)
				Expect(by.status).To(Equal(own.status), "%s %s %s: %s, %s", r.method, r.path, r.body, by.body, own.body)
				Expect(strings.ReplaceAll(by.timeless(), "`weather`", "`mixed`")).To(Equal(own.timeless()), "%s %s %s", r.method, r.path, r.body)
			}
			// A document of the same id in another index is left out like the document itself, and not counted.
			var found struct {
				Hits               []struct{ ID string }
				EstimatedTotalHits int
			}
			master.ok("POST", "/indexes/cold/documents", vectors("warm", 3, 1))
			master.ask("POST", "/indexes/weather/similar", `{"id":"warm-3","embedder":"own","limit":100}`).into(&found)
			Expect(found.EstimatedTotalHits).To(Equal(39))
			Expect(found.Hits).To(HaveLen(39))
			Expect(found.Hits).NotTo(ContainElement(HaveField("ID", "warm-3")))
			master.ok("PATCH", "/indexes/cold/settings", `{"embedders":{"own":null}}`)
			Expect(master.ask("POST", "/indexes/weather/similar", `{"id":"warm-3","embedder":"own"}`).code()).To(Equal("invalid_similar_embedder"))
			var explained struct {
				Plans     []struct{ ResolvedUID string }
				Execution struct {
					Result struct{ EstimatedTotalHits int }
					Legs   []struct{ Status int }
				}
			}
			master.ask("POST", "/indexes/weather/explain?execute=true", `{"q":"common"}`).into(&explained)
			Expect(explained.Plans).To(HaveLen(2))
			Expect(explained.Execution.Result.EstimatedTotalHits).To(Equal(41))
			Expect(explained.Execution.Legs).NotTo(BeEmpty())
			shown := tool.Must("explain", "--index", "weather", "-q", "common", "--filter", "rank < 4", "--execute")
			Expect(shown).To(SatisfyAll(ContainSubstring("feasible"), ContainSubstring("node-"), ContainSubstring("hits of 5 in")))
			code, _, errs := tool.Run("explain", "--index", "nobody")
			Expect(code).To(Equal(1), errs)
			Expect(errs).To(ContainSubstring("index_not_found"))
		})
	})

	It("goes on without a target that vanished", func() {
		master.ok("POST", "/indexes", `{"uid":"old","primaryKey":"id"}`)
		tool.Must("alias", "create", "rolling", "old", "green")
		Expect(master.ask("DELETE", "/indexes/old", "").status).To(Equal(http.StatusConflict))
		master.ok("PATCH", "/indexes/old", `{"uid":"older"}`)
		r := master.ask("POST", "/indexes/rolling/search", `{"q":"common"}`)
		Expect(r.status).To(Equal(http.StatusOK))
		Expect(r.header.Get("X-Miroir-Degraded")).To(Equal("index=old"))
		master.ok("PATCH", "/indexes/older", `{"uid":"old"}`)
		master.ok("DELETE", "/indexes/old?force=true", "")
		Expect(master.ask("POST", "/indexes/rolling/search", `{"q":"common"}`).header).NotTo(HaveKey("X-Miroir-Degraded"))
	})

	// AU-13, AU-14: keys and tokens reach no further through an alias.
	It("opens nothing to keys that are limited", func() {
		key := func(indexes string) client {
			var made struct{ Key string }
			r := master.ask("POST", "/keys", `{"actions":["search","documents.get"],"indexes":`+indexes+`,"expiresAt":null}`)
			Expect(r.status).To(Equal(http.StatusCreated))
			r.into(&made)
			return client{cluster.URL(), made.Key}
		}
		for indexes, want := range map[string][2]int{ // by the alias of blue, by that of blue and green
			`["blue"]`: {200, 403}, `["green"]`: {403, 403}, `["blue","green"]`: {200, 200}, `["products"]`: {200, 403}, `["all"]`: {403, 200}, `["*"]`: {200, 200},
		} {
			c := key(indexes)
			for i, name := range []string{"products", "all"} {
				Eventually(func() int { return c.ask("POST", "/indexes/"+name+"/search", `{}`).status }, "10s", "20ms").Should(Equal(want[i]), "%s on %s", indexes, name)
				Expect(c.ask("GET", "/indexes/"+name+"/documents", ``).status).To(Equal(want[i]), "%s on %s", indexes, name)
			}
		}
	})

	// A7.1: every write that is acknowledged after a flip's 200 is on the new target only; none is lost, none on both.
	It("loses and misdirects no write while it is flipped", func() {
		for _, uid := range []string{"left", "right"} {
			master.ok("POST", "/indexes", `{"uid":"`+uid+`","primaryKey":"id"}`)
		}
		tool.Must("alias", "create", "moving", "left")
		admin := client{cluster.Admin(), ""}
		var err error
		admin.key, err = cluster.AdminKey()
		Expect(err).NotTo(HaveOccurred())
		const flips, writers = 60, 3
		var stop atomic.Bool
		var mu sync.Mutex
		var acknowledged, failures []string
		write := func(id string) {
			r, err := master.send("POST", "/indexes/moving/documents", `[{"id":"`+id+`"}]`)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && r.status == http.StatusAccepted {
				acknowledged = append(acknowledged, id)
			} else {
				failures = append(failures, fmt.Sprintf("%s: %v %d %s", id, err, r.status, r.body))
			}
		}
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for n := 0; !stop.Load(); n++ {
					write(fmt.Sprintf("w%d-%d", w, n))
				}
			})
		}
		target := func(flip int) string { return []string{"right", "left"}[flip%2] }
		for i := range flips {
			r, err := admin.send("PUT", "/_miroir/aliases/moving", `{"target":"`+target(i)+`"}`)
			if err != nil || r.status != http.StatusOK {
				mu.Lock()
				failures = append(failures, fmt.Sprintf("flip %d: %v %d %s", i, err, r.status, r.body))
				mu.Unlock()
			}
			write(fmt.Sprintf("after-%d", i))
		}
		stop.Store(true)
		all.Wait()
		Expect(failures).To(BeEmpty())
		Expect(len(acknowledged)).To(BeNumerically(">", writers))
		at := map[string]map[string]bool{}
		for _, uid := range []string{"left", "right"} {
			var open struct{ Total int }
			Eventually(func() int {
				master.ask("GET", "/tasks?statuses=enqueued,processing&indexUids="+uid, "").into(&open)
				return open.Total
			}, "1m", "50ms").Should(BeZero())
			at[uid] = map[string]bool{}
			for _, id := range master.ids("/indexes/" + uid) {
				at[uid][id] = true
			}
		}
		for _, id := range acknowledged {
			Expect(at["left"][id]).NotTo(Equal(at["right"][id]), id)
		}
		for i := range flips {
			Expect(at[target(i)][fmt.Sprintf("after-%d", i)]).To(BeTrue(), "the write behind flip %d", i)
		}
	})
})
