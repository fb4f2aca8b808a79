package failover

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func (a answer) code() string {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Code
}

// down kills a process for good and waits until it is gone.
func (w *world) down(ctx context.Context, process string) {
	GinkgoHelper()
	Expect(w.Signal(process, syscall.SIGKILL)).To(Succeed())
	Eventually(func() error { _, err := w.Pid(process); return err }).WithContext(ctx).WithTimeout(longest).WithPolling(look).ShouldNot(Succeed())
}

// connected waits until the Envoy at URL is, or is not, on the stream of a coordinator.
func (w *world) connected(ctx context.Context, state string) {
	GinkgoHelper()
	Eventually(func() (string, error) {
		a, err := send(ctx, http.DefaultClient, w.Envoys()[0].Admin, "", "GET", "/stats?filter=control_plane.connected_state", "")
		return strings.TrimSpace(a.body), err
	}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal("control_plane.connected_state: " + state))
}

var _ = Describe("IN-4: without any coordinator", func() {
	It("goes on with reads and writes, and with everything else when one is back", func(ctx SpecContext) {
		w := start(ctx, "--coordinators", "2", "--no-restart")
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", `[{"id":"fixed","text":"fixed"}]`))
		l := w.startLoad(ctx, "things", false, w.URL())
		w.down(ctx, "coordinator-0")
		w.connected(ctx, "1") // the other one (IN-11)
		w.down(ctx, "coordinator-1")
		w.connected(ctx, "0")
		many := l.reads.Load() + 300
		Eventually(l.reads.Load).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(BeNumerically(">", many))
		l.finish()
		waits := w.must(ctx, "PUT", "/indexes/things/settings/stop-words", `["a"]`)
		Expect(w.Revive()).To(Succeed())
		w.connected(ctx, "1")
		w.succeeded(ctx, waits)
		l.kept(ctx)
	}, SpecTimeout(2*longest))
})

var _ = Describe("IN-5: without the store", func() {
	It("reads for a while and refuses writes, and goes on when it is back", func(ctx SpecContext) {
		w := start(ctx, "--gateways", "2", "--no-restart", "--gateway-flag=--stale-read-limit=12s")
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", `[{"id":"fixed","text":"fixed"}]`))
		reads := []struct{ method, path, body string }{
			{"POST", "/indexes/things/search", `{"q":"fixed"}`}, {"GET", "/indexes/things/documents/fixed", ""}, {"GET", "/indexes", ""},
			{"GET", "/indexes/things/settings", ""}, {"GET", "/tasks", ""}, {"GET", "/keys", ""}, {"GET", "/indexes/things/stats", ""}, {"GET", "/version", ""},
		}
		writes := []struct{ method, path, body string }{
			{"POST", "/indexes/things/documents", `[{"id":"other"}]`}, {"DELETE", "/indexes/things/documents/fixed", ""},
			{"DELETE", "/indexes/things/documents", ""}, {"POST", "/indexes/things/documents/delete", `{"filter":"id = fixed"}`},
			{"POST", "/indexes/fresh/documents?primaryKey=id", `[{"id":"other"}]`}, {"POST", "/indexes", `{"uid":"more"}`}, {"DELETE", "/indexes/things", ""},
			{"PUT", "/indexes/things/settings/stop-words", `["b"]`}, {"POST", "/keys", `{"actions":["search"],"indexes":["*"],"expiresAt":null}`},
			{"POST", "/swap-indexes", `[{"indexes":["things","things2"]}]`},
		}
		refuses := func(method, path, body string) {
			GinkgoHelper()
			a := w.must(ctx, method, path, body)
			Expect(a.status).To(Equal(http.StatusServiceUnavailable), "%s %s: %s", method, path, a.body)
			Expect(a.code()).To(Equal("miroir_state_unavailable"), "%s %s: %s", method, path, a.body)
			Expect(a.header).To(HaveKey("Retry-After"))
		}
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes", `{"uid":"things2"}`))
		w.down(ctx, "etcd")
		for _, r := range reads {
			Expect(w.must(ctx, r.method, r.path, r.body).status).To(Equal(http.StatusOK), "%s %s", r.method, r.path)
		}
		for _, r := range writes {
			refuses(r.method, r.path, r.body)
		}
		// Each gateway counts from when it heard of the store last, so the two do not end at the same moment.
		refused := 0
		Eventually(func() (int, error) {
			a, err := w.send(ctx, "POST", "/indexes/things/search", `{"q":"fixed"}`)
			refused++
			if a.status == http.StatusServiceUnavailable {
				Expect(a.code()).To(Equal("miroir_state_unavailable"))
			} else {
				refused = 0
			}
			return refused, err
		}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(BeNumerically(">=", 20), "refused in a row, by two gateways")
		for range 2 { // gateways
			for _, r := range append(reads, writes...) {
				refuses(r.method, r.path, r.body)
			}
			Expect(w.must(ctx, "GET", "/health", "").status).To(Equal(http.StatusOK))
		}
		Expect(w.Revive()).To(Succeed())
		Eventually(func() (int, error) {
			a, err := w.send(ctx, "POST", "/indexes/things/documents", `[{"id":"late"}]`)
			return a.status, err
		}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal(http.StatusAccepted))
		for range 2 { // gateways, each of which finds the store again by itself
			for _, id := range []string{"fixed", "late"} {
				Eventually(func() (int, error) {
					a, err := w.send(ctx, "GET", "/indexes/things/documents/"+id, "")
					return a.status, err
				}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal(http.StatusOK), id)
			}
		}
	}, SpecTimeout(2*longest))
})
