package failover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/internal/state"
)

// Each request of these specs goes to a gateway that the spec chooses: what one does the other must know.
var _ = Describe("IN-3: any gateway can serve any request", Ordered, func() {
	var w *world
	var gateways [2]direct

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, "--gateways", "2")
		for i := range gateways {
			gateways[i] = w.gateway(i)
		}
		for _, index := range []string{"blue", "green", "things"} {
			w.succeeded(ctx, w.must(ctx, "POST", "/indexes", `{"uid":"`+index+`","primaryKey":"id"}`))
		}
	}, NodeTimeout(longest))

	It("refuses a key that another one has deleted (AU-15)", func(ctx SpecContext) {
		var longestWait time.Duration
		for round := range 6 {
			by, other := gateways[round%2], gateways[(round+1)%2]
			made := by.must(ctx, "POST", "/keys", `{"actions":["search"],"indexes":["*"],"expiresAt":null}`)
			Expect(made.status).To(Equal(http.StatusCreated), made.body)
			var key struct{ Key, UID string }
			Expect(json.Unmarshal([]byte(made.body), &key)).To(Succeed())
			search := func(at direct) int { return at.as(key.Key).must(ctx, "POST", "/indexes/things/search", `{}`).status }
			Expect(search(by)).To(Equal(http.StatusOK))
			Eventually(search).WithArguments(other).WithContext(ctx).WithTimeout(longest).WithPolling(time.Millisecond).Should(Equal(http.StatusOK))
			Expect(by.must(ctx, "DELETE", "/keys/"+key.UID, "").status).To(Equal(http.StatusNoContent))
			began := time.Now()
			Expect(search(by)).To(Equal(http.StatusForbidden))
			Eventually(search).WithArguments(other).WithContext(ctx).WithTimeout(longest).WithPolling(time.Millisecond).Should(Equal(http.StatusForbidden))
			longestWait = max(longestWait, time.Since(began))
		}
		AddReportEntry("revoked after", longestWait.String())
	}, SpecTimeout(longest))

	It("writes nothing to what an alias stood for once it was flipped (F7, T-20)", func(ctx SpecContext) {
		key, err := w.AdminKey()
		Expect(err).NotTo(HaveOccurred())
		alias := func(method, path, body string) {
			GinkgoHelper()
			a, err := send(ctx, http.DefaultClient, w.Admin(), key, method, "/_miroir/aliases"+path, body)
			Expect(err).NotTo(HaveOccurred())
			Expect(a.status).To(BeNumerically("<", 300), a.body)
		}
		alias("POST", "", `{"name":"now","target":"blue"}`)
		target := "blue"
		for flip := range 6 {
			old := target
			target = map[string]string{"blue": "green", "green": "blue"}[old]
			var flipped atomic.Bool
			var mu sync.Mutex
			accepted := map[string]bool{}
			work, stop := context.WithCancel(ctx)
			var writers sync.WaitGroup
			var after atomic.Int64
			for client := range 4 {
				writers.Go(func() {
					defer GinkgoRecover()
					for n := 0; work.Err() == nil; n++ {
						late := flipped.Load()
						id := fmt.Sprintf("flip%d-c%d-%d-%v", flip, client, n, late)
						a, err := gateways[client%2].send(ctx, "POST", "/indexes/now/documents", document(id, "x"))
						Expect(err).NotTo(HaveOccurred())
						if a.status == http.StatusAccepted && late {
							after.Add(1)
							mu.Lock()
							accepted[id] = true
							mu.Unlock()
						}
					}
				})
			}
			alias("PUT", "/now", `{"target":"`+target+`"}`)
			flipped.Store(true)
			Eventually(after.Load).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(BeNumerically(">", 20))
			stop()
			writers.Wait()
			w.quiet(ctx)
			for id := range accepted {
				Expect(w.must(ctx, "GET", "/indexes/"+target+"/documents/"+id, "").status).To(Equal(http.StatusOK), "%s is not in %s", id, target)
				Expect(w.must(ctx, "GET", "/indexes/"+old+"/documents/"+id, "").status).To(Equal(http.StatusNotFound), "%s is in %s", id, old)
			}
		}
	}, SpecTimeout(2*longest))

	It("shows what was written in a session at another one (A6.1)", func(ctx SpecContext) {
		for n := range 30 {
			id := fmt.Sprintf("session-%d", n)
			by, other := gateways[n%2], gateways[(n+1)%2]
			Expect(by.must(ctx, "POST", "/indexes/things/documents", document(id, "session"), "X-Miroir-Session", "mine").status).To(Equal(http.StatusAccepted))
			found := other.must(ctx, "POST", "/indexes/things/search", `{"q":"session","limit":100}`, "X-Miroir-Session", "mine")
			Expect(found.header.Get("X-Miroir-Session-Stale")).To(BeEmpty())
			Expect(found.hits()).To(ContainElement(id))
		}
	}, SpecTimeout(longest))

	It("knows a write that is sent again to another one (A10.1)", func(ctx SpecContext) {
		for n := range 10 {
			word := fmt.Sprintf("again-%d", n)
			body := document(word, "again")
			var both [2]answer
			var sent sync.WaitGroup
			for i := range both {
				sent.Go(func() {
					defer GinkgoRecover()
					both[i] = gateways[i].must(ctx, "POST", "/indexes/things/documents", body, "Idempotency-Key", word)
				})
			}
			sent.Wait()
			Expect(both[0].task()).To(Equal(both[1].task()))
			third := gateways[n%2].must(ctx, "POST", "/indexes/things/documents", body, "Idempotency-Key", word)
			Expect(third.task()).To(Equal(both[0].task()))
			Expect(third.header.Get("Idempotency-Replayed")).To(Equal("true"))
			other := gateways[n%2].must(ctx, "POST", "/indexes/things/documents", document(word, "other"), "Idempotency-Key", word)
			Expect(other.code()).To(Equal("miroir_idempotency_key_reused"))
		}
	}, SpecTimeout(longest))

	It("numbers tasks once, and in the order of their time but for two seconds (TK-1)", func(ctx SpecContext) {
		var all [2][]uint32
		var clients sync.WaitGroup
		for i := range all {
			clients.Go(func() {
				defer GinkgoRecover()
				for n := range 60 {
					all[i] = append(all[i], gateways[i].must(ctx, "POST", "/indexes/things/documents", document(fmt.Sprintf("g%d-%d", i, n), "task")).task())
				}
			})
		}
		clients.Wait()
		seen := map[uint32]bool{}
		for i := range all {
			Expect(slices.IsSorted(all[i])).To(BeTrue(), "of one gateway: %v", all[i])
			for _, uid := range all[i] {
				Expect(seen).NotTo(HaveKey(uid))
				seen[uid] = true
			}
		}
		var page struct {
			Results []struct {
				UID        uint32
				EnqueuedAt string
			}
		}
		Expect(json.Unmarshal([]byte(w.must(ctx, "GET", "/tasks?limit=1000&reverse=true", "").body), &page)).To(Succeed())
		latest := time.Time{}
		for _, t := range page.Results {
			at := instant(t.EnqueuedAt)
			Expect(at).To(BeTemporally(">", latest.Add(-2*time.Second)), "task %d", t.UID)
			if at.After(latest) {
				latest = at
			}
		}
	}, SpecTimeout(longest))

	It("keeps the order of writes that one client sends to both (OP-7)", func(ctx SpecContext) {
		const rounds = 60
		for n := range rounds {
			Expect(gateways[n%2].must(ctx, "POST", "/indexes/things/documents", document("order", fmt.Sprint(n))).status).To(Equal(http.StatusAccepted))
		}
		w.quiet(ctx)
		for range 6 { // whichever copy answers
			Expect(w.must(ctx, "GET", "/indexes/things/documents/order", "").body).To(Equal(fmt.Sprintf(`{"id":"order","text":"%d"}`, rounds-1)))
		}
	}, SpecTimeout(longest))
})

// A10.3: a write whose gateway was killed over it goes on at another one, under the task that it had.
var _ = Describe("A10.3: a write is sent again to another gateway than the one that was killed over it", func() {
	It("has one task and one effect", func(ctx SpecContext) {
		w := start(ctx, "--gateways", "2")
		store, err := state.Open(ctx, state.Options{Endpoints: []string{w.Etcd()}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = store.Close() })
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", document("fixed", "fixed")))
		gateways := [2]direct{w.gateway(0), w.gateway(1)}
		cut := 0
		for round := 0; cut < 3; round++ {
			Expect(round).To(BeNumerically("<", 30), "the gateway was killed in time %d times only", cut)
			word := fmt.Sprint("cut-", round)
			sum := sha256.Sum256([]byte("\x00" + word))
			name := hex.EncodeToString(sum[:])
			body := many(3000, round)
			first := make(chan error, 1)
			before, err := w.Pid("gateway-0")
			Expect(err).NotTo(HaveOccurred())
			go func() {
				_, err := gateways[0].send(ctx, "POST", "/indexes/things/documents", body, "Idempotency-Key", word)
				first <- err
			}()
			Eventually(func() error { _, _, err := store.Idempotency(ctx, name); return err }).WithContext(ctx).WithTimeout(longest).
				WithPolling(time.Millisecond).Should(Succeed())
			Expect(w.Kill("gateway-0")).To(Succeed())
			if err := <-first; err == nil {
				w.restarted(ctx, "gateway-0", before)
				continue // it was faster
			}
			rec, _, err := store.Idempotency(ctx, name)
			Expect(err).NotTo(HaveOccurred())
			if rec.State == state.IdemPending {
				cut++
			}
			var again answer
			Eventually(func() (int, error) {
				again, err = gateways[1].send(ctx, "POST", "/indexes/things/documents", body, "Idempotency-Key", word)
				return again.status, err
			}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal(http.StatusAccepted))
			w.succeeded(ctx, again)
			rec, _, err = store.Idempotency(ctx, name)
			Expect(err).NotTo(HaveOccurred())
			Expect(*rec.Task).To(Equal(again.task()))
			Expect(w.must(ctx, "GET", "/indexes/things/documents/m2999", "").body).To(ContainSubstring(fmt.Sprintf(`"round":%d`, round)))
			var list struct{ Total int }
			Expect(json.Unmarshal([]byte(w.must(ctx, "GET", "/tasks?limit=1&types=documentAdditionOrUpdate", "").body), &list)).To(Succeed())
			Expect(list.Total).To(Equal(round+2), "one task for each write")
			w.restarted(ctx, "gateway-0", before)
			w.gatewaysHealthy(ctx)
		}
	}, SpecTimeout(2*longest))
})

// F10: a client whose connection breaks, as with a killed Envoy, finds its write done, and no copy missed it for that.
var _ = Describe("F10: a client leaves before it is answered", func() {
	It("has written nevertheless, everywhere", func(ctx SpecContext) {
		w := start(ctx, "--gateways", "2")
		store, err := state.Open(ctx, state.Options{Endpoints: []string{w.Etcd()}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = store.Close() })
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", document("fixed", "fixed")))
		look, stop := context.WithCancel(ctx)
		defer stop()
		within, err := inside.Look(look, w)
		Expect(err).NotTo(HaveOccurred())
		gateways := [2]direct{w.gateway(0), w.gateway(1)}
		for round := range 20 {
			word := fmt.Sprint("left-", round)
			sum := sha256.Sum256([]byte("\x00" + word))
			body := many(300, round)
			client, leave := context.WithCancel(ctx)
			left := make(chan struct{})
			go func() {
				defer close(left)
				_, _ = gateways[0].send(client, "POST", "/indexes/things/documents", body, "Idempotency-Key", word)
			}()
			var rec state.Idempotency
			know := func() (err error) { rec, _, err = store.Idempotency(ctx, hex.EncodeToString(sum[:])); return err }
			Eventually(know).WithContext(ctx).WithTimeout(longest).WithPolling(time.Millisecond).Should(Succeed())
			leave()
			<-left
			Eventually(func() (string, error) { err := know(); return rec.State, err }).WithContext(ctx).WithTimeout(longest).WithPolling(time.Millisecond).
				Should(Equal(state.IdemDone))
			Expect(time.Now()).To(BeTemporally("<", rec.Deadline), "somebody had to give it up")
			again := gateways[1].must(ctx, "POST", "/indexes/things/documents", body, "Idempotency-Key", word)
			Expect(again.task()).To(Equal(*rec.Task))
			w.succeeded(ctx, again)
		}
		for _, n := range w.Nodes() {
			Expect(within.Dirty(n.ID)).To(BeZero(), n.ID)
		}
	}, SpecTimeout(2*longest))
})

// many is a payload of so many documents that say which round they belong to.
func many(count, round int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf(`{"id":"m%d","round":%d,"text":"document %d"}`, i, round, i)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// quiet waits until no task is open.
func (w *world) quiet(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() (string, error) {
		a, err := w.send(ctx, "GET", "/tasks?statuses=enqueued,processing&limit=1", "")
		return a.body, err
	}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(ContainSubstring(`"total":0`))
}
