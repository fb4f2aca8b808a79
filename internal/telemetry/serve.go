package telemetry

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// drainTime is how long a scrape or profile in flight may take when the process ends.
const drainTime = time.Second

// Handler answers /metrics, /livez (the process runs), /readyz and /healthz (ready says that it can do its work) and
// /debug/pprof/. A nil ready means always ready.
func Handler(metrics prometheus.Gatherer, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	check := func(w http.ResponseWriter, _ *http.Request) {
		if ready == nil {
			answer(w, nil)
			return
		}
		answer(w, ready())
	}
	mux.HandleFunc("GET /readyz", check)
	mux.HandleFunc("GET /healthz", check)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // arguments are nobody's business
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// Serve serves Handler until ctx ends. The listener is closed when it returns.
func Serve(ctx context.Context, listener net.Listener, metrics prometheus.Gatherer, ready func() error) error {
	return lifecycle.ServeHTTP(ctx, listener, &http.Server{Handler: Handler(metrics, ready)}, drainTime)
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
