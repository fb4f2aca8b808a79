package failover

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

var _ = Describe("IN-3: Envoys go while another lives", Ordered, func() {
	var w *world

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, "--gateways", "2", "--envoys", "2")
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", `[{"id":"fixed","text":"fixed"}]`))
		w.gatewaysHealthy(ctx)
	}, NodeTimeout(longest))

	urls := func() (all []string) {
		for _, e := range w.Envoys() {
			all = append(all, e.Ingress)
		}
		return all
	}

	It("serves the same at every ingress", func(ctx SpecContext) {
		Expect(w.Envoys()).To(HaveLen(2))
		for _, url := range urls() {
			a, err := send(ctx, http.DefaultClient, url, w.MasterKey(), "GET", "/indexes/things/documents/fixed", "")
			Expect(err).NotTo(HaveOccurred())
			Expect(a.body).To(Equal(`{"id":"fixed","text":"fixed"}`))
		}
	}, SpecTimeout(longest))

	It("answers what is in flight, and refuses new connections, when it is drained", func(ctx SpecContext) {
		e := w.Envoys()[1]
		before, err := w.Pid(e.Process)
		Expect(err).NotTo(HaveOccurred())
		// A payload that is sent in two halves, with the drain between them.
		first, second := io.Pipe()
		upload := make(chan answer, 1)
		go func() {
			defer GinkgoRecover()
			r, err := http.NewRequestWithContext(ctx, "POST", e.Ingress+"/indexes/things/documents", first)
			Expect(err).NotTo(HaveOccurred())
			r.Header.Set("Authorization", "Bearer "+w.MasterKey())
			r.Header.Set("Content-Type", "application/json")
			res, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
			Expect(err).NotTo(HaveOccurred())
			defer func() { _ = res.Body.Close() }()
			text, err := io.ReadAll(res.Body)
			Expect(err).NotTo(HaveOccurred())
			upload <- answer{status: res.StatusCode, body: string(text)}
		}()
		_, err = io.WriteString(second, `[{"id":"half",`)
		Expect(err).NotTo(HaveOccurred())
		w.inFlight(ctx, e, "1")
		drained := make(chan error, 1)
		go func() { drained <- w.drain(ctx, e, time.Millisecond) }()
		Eventually(func() error {
			_, err := send(ctx, &http.Client{Transport: &http.Transport{}}, e.Ingress, "", "GET", "/health", "")
			return err
		}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Satisfy(refused))
		Consistently(drained, "200ms").ShouldNot(Receive(), "something was in flight")
		_, err = io.WriteString(second, `"text":"half"}]`)
		Expect(err).NotTo(HaveOccurred())
		Expect(second.Close()).To(Succeed())
		w.succeeded(ctx, <-upload)
		Expect(<-drained).To(Succeed())
		Expect(w.Signal(e.Process, syscall.SIGTERM)).To(Succeed())
		w.restarted(ctx, e.Process, before)
		w.serves(ctx, e)
	}, SpecTimeout(longest))

	It("is not missed when it is drained and restarted", func(ctx SpecContext) {
		l := w.startLoad(ctx, "things", false, urls()...)
		for range 2 {
			for _, e := range w.Envoys() {
				before, err := w.Pid(e.Process)
				Expect(err).NotTo(HaveOccurred())
				Expect(w.drain(ctx, e, 2*time.Second)).To(Succeed())
				Expect(w.Signal(e.Process, syscall.SIGTERM)).To(Succeed())
				w.restarted(ctx, e.Process, before)
				w.serves(ctx, e)
			}
		}
		l.finish()
		l.kept(ctx)
	}, SpecTimeout(2*longest))
})

var _ = Describe("IN-3: Envoys are killed while another lives", func() {
	It("costs the requests that were in flight, and no write that was acknowledged", func(ctx SpecContext) {
		w := start(ctx, "--gateways", "2", "--envoys", "2", "--coordinators", "2")
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", document("fixed", "fixed")))
		w.gatewaysHealthy(ctx)
		l := w.startLoad(ctx, "things", true, w.Envoys()[0].Ingress, w.Envoys()[1].Ingress)
		for _, e := range w.Envoys() {
			before, err := w.Pid(e.Process)
			Expect(err).NotTo(HaveOccurred())
			done := l.progress()
			Expect(w.Kill(e.Process)).To(Succeed())
			Eventually(func() bool { return l.allBeyond(done) }).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(BeTrue())
			w.restarted(ctx, e.Process, before)
			w.serves(ctx, e)
		}
		l.finish()
		l.kept(ctx)
	}, SpecTimeout(2*longest))
})

// drain runs the command that a pod runs before it stops.
func (w *world) drain(ctx context.Context, e provider.Envoy, settle time.Duration) error {
	binary, err := filepath.Abs(filepath.Join(root, "bin", "miroir"))
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, binary, "drain", "--admin", e.Admin, "--settle", settle.String(), "--limit", longest.String()).Run()
}

// inFlight waits until an Envoy works on so many requests of clients.
func (w *world) inFlight(ctx context.Context, e provider.Envoy, count string) {
	GinkgoHelper()
	Eventually(func() (string, error) {
		a, err := send(ctx, http.DefaultClient, e.Admin, "", "GET", "/stats?filter=^http.ingress.downstream_rq_active$", "")
		return strings.TrimSpace(a.body), err
	}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal("http.ingress.downstream_rq_active: " + count))
}

// serves waits until requests are answered at an ingress.
func (w *world) serves(ctx context.Context, e provider.Envoy) {
	GinkgoHelper()
	Eventually(func() (int, error) {
		a, err := send(ctx, http.DefaultClient, e.Ingress, w.MasterKey(), "GET", "/indexes/things/documents/fixed", "")
		return a.status, err
	}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal(http.StatusOK))
}
