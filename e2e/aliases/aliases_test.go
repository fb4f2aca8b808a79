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
			master.ok("PATCH", "/indexes/"+uid+"/settings", `{"filterableAttributes":["colour","rank","id"],"sortableAttributes":["rank"]}`)
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
			Expect(by.status).To(Equal(http.StatusOK), "%s %s: %s", r.method, r.path, by.body)
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
