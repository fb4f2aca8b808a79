package telemetry

import (
	"context"
	"flag"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// drainTime is how long a scrape or profile in flight may take when the process ends.
const drainTime = time.Second

// Port is what a process shows of itself on its metrics address.
type Port struct {
	Metrics  prometheus.Gatherer
	Ready    func() error // nil means always ready
	Profiles bool         // /debug/pprof/ too, to callers on the same machine
}

// RegisterProfiles adds the flag that switches profiles on. They are off by default: a profile shows what a process does
// and costs it time.
func RegisterProfiles(flags *flag.FlagSet, on *bool) {
	flags.BoolVar(on, "pprof", false, "serve profiles on the metrics address, to callers on this machine only")
}

// Handler answers /metrics, /livez (the process runs), /readyz and /healthz (Ready says that it can do its work) and,
// if wanted, /debug/pprof/.
func (p Port) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	check := func(w http.ResponseWriter, _ *http.Request) {
		if p.Ready == nil {
			answer(w, nil)
			return
		}
		answer(w, p.Ready())
	}
	mux.HandleFunc("GET /readyz", check)
	mux.HandleFunc("GET /healthz", check)
	if p.Profiles {
		mux.Handle("GET /debug/pprof/", local(profiles()))
	}
	return mux
}

// Serve serves Handler until ctx ends. The listener is closed when it returns.
func (p Port) Serve(ctx context.Context, listener net.Listener) error {
	return lifecycle.ServeHTTP(ctx, listener, &http.Server{Handler: p.Handler()}, drainTime)
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", http.NotFound) // arguments are nobody's business
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// local hides what it guards from callers on other machines.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(err.Error() + "\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}
