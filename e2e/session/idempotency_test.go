package session

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/state"
)

var _ = Describe("F10: writes that are sent again", Ordered, func() {
	var w *world
	const path = "/indexes/things/documents?primaryKey=id"

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, provider.Options{Nodes: 2, Groups: 1, Replicas: 2, Shards: 8})
		w.succeeded(ctx, w.must(ctx, "POST", path, documents(0, 10, 0)).task())
	}, NodeTimeout(longest))

	It("answers again with the same task, and enqueues nothing twice (A10.1, A10.2)", func(ctx SpecContext) {
		first := w.must(ctx, "POST", path, documents(0, 100, 1), "Idempotency-Key", "one")
		uid := first.task()
		Expect(first.header).NotTo(HaveKey("Idempotency-Replayed"))
		for range 5 {
			again := w.must(ctx, "POST", path, documents(0, 100, 1), "Idempotency-Key", "one")
			Expect(again.body).To(Equal(first.body))
			Expect(again.header.Get("Idempotency-Replayed")).To(Equal("true"))
		}
		w.succeeded(ctx, uid)
		for node, n := range w.engineTasks(ctx, uid) {
			Expect(n).To(Equal(1), node)
		}
		other := w.must(ctx, "POST", path, documents(0, 99, 1), "Idempotency-Key", "one")
		Expect(other.status).To(Equal(http.StatusConflict))
		Expect(other.code()).To(Equal("miroir_idempotency_key_reused"))
		Expect(w.must(ctx, "PUT", path, documents(0, 100, 1), "Idempotency-Key", "one").code()).To(Equal("miroir_idempotency_key_reused"))
	}, SpecTimeout(longest))

	It("changes the catalog once", func(ctx SpecContext) {
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes", map[string]any{"uid": "a", "primaryKey": "id"}, "Idempotency-Key", "create").task())
		again := w.must(ctx, "POST", "/indexes", map[string]any{"uid": "a", "primaryKey": "id"}, "Idempotency-Key", "create")
		w.succeeded(ctx, again.task())
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes", map[string]any{"uid": "b", "primaryKey": "key"}).task())
		swap := []map[string]any{{"indexes": []string{"a", "b"}}}
		first := w.must(ctx, "POST", "/swap-indexes", swap, "Idempotency-Key", "swap")
		Expect(w.must(ctx, "POST", "/swap-indexes", swap, "Idempotency-Key", "swap").body).To(Equal(first.body))
		w.succeeded(ctx, first.task())
		Expect(w.must(ctx, "GET", "/indexes/a", nil).body).To(ContainSubstring(`"primaryKey":"key"`), "swapped once, not back")
		gone := w.must(ctx, "DELETE", "/indexes/a", nil, "Idempotency-Key", "delete")
		Expect(w.must(ctx, "DELETE", "/indexes/a", nil, "Idempotency-Key", "delete").body).To(Equal(gone.body))
		w.succeeded(ctx, gone.task())
		Expect(w.must(ctx, "GET", "/indexes/a", nil).status).To(Equal(http.StatusNotFound))
	}, SpecTimeout(longest))

	It("survives the gateway's end between the nodes' answers and its own (A10.3, TK-11)", func(ctx SpecContext) {
		killed := 0
		for round := range 12 {
			word := fmt.Sprint("killed-", round)
			if w.killedWhilePending(ctx, path, documents(0, 4000, round), word) {
				killed++
			}
			var last answer
			Eventually(func() int {
				last, _ = w.ask(ctx, "POST", path, documents(0, 4000, round), "Idempotency-Key", word)
				return last.status
			}).WithContext(ctx).WithTimeout(longest).WithPolling(100 * time.Millisecond).Should(Equal(http.StatusAccepted))
			w.succeeded(ctx, last.task())
			for node, n := range w.engineTasks(ctx, last.task()) {
				Expect(n).To(Equal(1), "%s in round %d", node, round)
			}
			rec, _, err := w.store.Idempotency(ctx, name(word))
			Expect(err).NotTo(HaveOccurred())
			Expect(*rec.Task).To(Equal(last.task()), "the task that the killed gateway made")
			found := w.must(ctx, "GET", "/indexes/things/documents/d3999", nil)
			Expect(found.body).To(ContainSubstring(fmt.Sprintf(`"round":%d`, round)))
			if killed == 3 {
				return
			}
		}
		Fail(fmt.Sprintf("the gateway was killed in time %d times only", killed))
	}, SpecTimeout(2*longest))
})

// killedWhilePending sends a write and kills the gateway when the key is on record, and says whether it was without an answer
// still.
func (w *world) killedWhilePending(ctx context.Context, path, body, word string) bool {
	GinkgoHelper()
	answered := make(chan error, 1)
	go func() {
		defer GinkgoRecover()
		a, err := w.ask(ctx, "POST", path, body, "Idempotency-Key", word)
		if err == nil && a.status != http.StatusAccepted {
			err = fmt.Errorf("status %d", a.status)
		}
		answered <- err
	}()
	Expect(w.recorded(ctx, name(word))).To(Succeed())
	Expect(w.cluster.Kill("gateway-0")).To(Succeed())
	if err := <-answered; err == nil {
		return false
	}
	rec, _, err := w.store.Idempotency(ctx, name(word))
	Expect(err).NotTo(HaveOccurred())
	return rec.State == state.IdemPending
}
