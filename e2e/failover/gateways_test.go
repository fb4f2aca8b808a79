package failover

import (
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("IN-3: gateways go while another lives", Ordered, func() {
	var w *world

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, "--gateways", "2")
		for _, index := range []string{"ended", "killed", "frozen"} {
			w.succeeded(ctx, w.must(ctx, "POST", "/indexes/"+index+"/documents?primaryKey=id", `[{"id":"fixed","text":"fixed"}]`))
		}
		w.gatewaysHealthy(ctx)
	}, NodeTimeout(longest))

	each := func(ctx SpecContext, signal syscall.Signal) {
		GinkgoHelper()
		for range 3 {
			for _, gateway := range w.Gateways() {
				before, err := w.Pid(gateway)
				Expect(err).NotTo(HaveOccurred())
				Expect(w.Signal(gateway, signal)).To(Succeed())
				w.restarted(ctx, gateway, before)
				w.gatewaysHealthy(ctx)
			}
		}
	}

	It("answers everything while each is restarted in order", func(ctx SpecContext) {
		l := w.startLoad(ctx, "ended", false, w.URL())
		each(ctx, syscall.SIGTERM)
		l.finish()
		l.kept(ctx)
	}, SpecTimeout(2*longest))

	It("answers every read while one stands still, and takes writes that are sent again", func(ctx SpecContext) {
		l := w.startLoad(ctx, "frozen", true, w.URL())
		for _, gateway := range w.Gateways() {
			Expect(w.Signal(gateway, syscall.SIGSTOP)).To(Succeed())
			// Two clients may hang in it until Envoy gives it up. All of them go on then.
			before := l.progress()
			Eventually(func() bool { return l.allBeyond(before) }).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(BeTrue())
			Expect(w.Signal(gateway, syscall.SIGCONT)).To(Succeed())
			w.gatewaysHealthy(ctx)
		}
		l.finish()
		l.kept(ctx)
	}, SpecTimeout(2*longest))

	It("answers every read while each is killed, and loses no write that it acknowledged", func(ctx SpecContext) {
		l := w.startLoad(ctx, "killed", true, w.URL())
		each(ctx, syscall.SIGKILL)
		l.finish()
		l.kept(ctx)
	}, SpecTimeout(2*longest))
})
