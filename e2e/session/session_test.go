package session

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

var _ = Describe("F6: reads find what was written in their session", Ordered, func() {
	var w *world
	const header = "X-Miroir-Session"

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, provider.Options{Nodes: 4, Groups: 2, Replicas: 1, Shards: 8, StayDown: true})
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes", map[string]any{"uid": "things", "primaryKey": "id"}).task())
		w.succeeded(ctx, w.must(ctx, "PATCH", "/indexes/things/settings", map[string]any{"filterableAttributes": []string{"round"}}).task())
	}, NodeTimeout(longest))

	// busy gives the engines something to do, so that what is written next is not applied at once.
	busy := func(ctx SpecContext, round int) {
		GinkgoHelper()
		w.must(ctx, "POST", "/indexes/other/documents?primaryKey=id", documents(0, 3000, round)).task()
	}

	It("shows every write to the read that follows it (A6.1)", func(ctx SpecContext) {
		behind := 0
		for round := range 6 {
			busy(ctx, round)
			uid := w.must(ctx, "POST", "/indexes/things/documents", documents(round*10, round*10+10, round), header, "mine").task()
			var task struct{ Status string }
			Expect(json.Unmarshal([]byte(w.must(ctx, "GET", fmt.Sprintf("/tasks/%d", uid), nil).body), &task)).To(Succeed())
			if task.Status == "enqueued" || task.Status == "processing" {
				behind++
			}
			filter := fmt.Sprintf("round = %d", round)
			for path, body := range map[string]map[string]any{
				"/indexes/things/search":          {"filter": filter, "page": 1},
				"/indexes/things/documents/fetch": {"filter": filter},
				"/multi-search":                   {"queries": []any{map[string]any{"indexUid": "things", "filter": filter, "page": 1}}},
			} {
				found := w.must(ctx, "POST", path, body, header, "mine")
				Expect(found.status).To(Equal(http.StatusOK), found.body)
				Expect(found.header.Get(header)).To(Equal("mine"))
				Expect(found.header).NotTo(HaveKey("X-Miroir-Session-Stale"))
				Expect(found.body).To(Or(ContainSubstring(`"totalHits":10`), ContainSubstring(`"total":10`)), "%s in round %d", path, round)
			}
			one := w.must(ctx, "GET", fmt.Sprintf("/indexes/things/documents/d%d?fields=round", round*10+9), nil, header, "mine")
			Expect(one.body).To(Equal(fmt.Sprintf(`{"round":%d}`, round)))
			Expect(one.header.Get(header)).To(Equal("mine"))
		}
		Expect(behind).To(BeNumerically(">", 0), "no read had anything to wait for")
	}, SpecTimeout(2*longest))

	It("shows settings as they were changed, and what was deleted as gone", func(ctx SpecContext) {
		for i := range 3 {
			attributes := []string{"round", fmt.Sprint("attribute-", i)}
			w.must(ctx, "PUT", "/indexes/things/settings/filterable-attributes", attributes, header, "mine").task()
			shown := w.must(ctx, "GET", "/indexes/things/settings/filterable-attributes", nil, header, "mine")
			Expect(shown.body).To(ContainSubstring(attributes[1]))
			w.must(ctx, "POST", "/indexes/things/documents/delete", map[string]any{"filter": fmt.Sprintf("round = %d", i)}, header, "mine").task()
			found := w.must(ctx, "POST", "/indexes/things/search", map[string]any{"filter": fmt.Sprintf("round = %d", i), "page": 1}, header, "mine")
			Expect(found.body).To(ContainSubstring(`"totalHits":0`))
		}
	}, SpecTimeout(longest))

	It("goes to another group that has the write when the first one dies (A6.4)", func(ctx SpecContext) {
		busy(ctx, 99)
		w.must(ctx, "POST", "/indexes/things/documents", documents(500, 520, 77), header, "mine").task()
		rec, _, err := w.store.ClientSession(ctx, name("mine"))
		Expect(err).NotTo(HaveOccurred())
		group := -1
		for physical, ix := range rec.Indexes {
			if len(physical) > len("things") && physical[:len("things")] == "things" {
				group = *ix.Group
			}
		}
		for _, n := range w.cluster.Nodes() {
			if n.Group == group {
				Expect(w.cluster.Kill("sidecar-" + n.ID[len("node-"):])).To(Succeed())
			}
		}
		found := w.must(ctx, "POST", "/indexes/things/search", map[string]any{"filter": "round = 77", "page": 1}, header, "mine")
		Expect(found.body).To(ContainSubstring(`"totalHits":20`))
		Expect(found.header).NotTo(HaveKey("X-Miroir-Degraded"))
	}, SpecTimeout(longest))

	It("forgets a session in time", func(ctx SpecContext) {
		rec, _, err := w.store.ClientSession(ctx, name("mine"))
		Expect(err).NotTo(HaveOccurred())
		Expect(time.Until(rec.Expires)).To(BeNumerically("<=", 15*time.Minute))
	}, SpecTimeout(longest))
})
