package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/probe"
	"github.com/miroir-search/miroir/sidecar/replica"
	"github.com/miroir-search/miroir/sidecar/transfer"
)

// Views is where the newest routing view comes from.
type Views interface {
	View() *routing.View
	Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error)
}

// Keeper brings an index to the engine before a leg needs it.
type Keeper interface {
	Ensure(ctx context.Context, ix *routing.Index) error
	Ready(ctx context.Context, ix *routing.Index) error
	Forget(physical string)
	// Change says that a change of settings is about to be sent to the engine; sent is called when it was, or was not.
	Change(ctx context.Context, physical string) (sent func())
	// Shown is the value of nodeapi.HeaderSettings for an index, as far as the engine was looked at.
	Shown(physical string) string
}

// Config is what the server works with.
type Config struct {
	Node       string
	Group      int
	Key        string // node key that callers must prove
	Engine     *engine.Client
	Views      Views
	Keeper     Keeper
	Book       *holding.Book
	Fence      *fence.Fence
	Dispatches *dispatch.Table
	Replica    *replica.Replica
	Source     *transfer.Source
	Target     *transfer.Target
	Probe      *probe.Probe
	Log        zerolog.Logger
	Metrics    *Metrics
	Registry   prometheus.Gatherer
	Started    time.Time
	InFlight   int // legs served at once, default 4096
}

// Server is the door. It is an http.Handler.
type Server struct {
	Config
	key   [sha256.Size]byte
	slots chan struct{}
	mux   *http.ServeMux
}

// New returns the door.
func New(c Config) *Server {
	if c.InFlight == 0 {
		c.InFlight = 4096
	}
	s := &Server{Config: c, key: sha256.Sum256([]byte(c.Key)), slots: make(chan struct{}, c.InFlight), mux: http.NewServeMux()}
	s.mux.HandleFunc("GET "+nodeapi.PathHealth, s.health)
	metrics := promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	s.mux.Handle("GET /metrics", s.guard("/metrics", func(w http.ResponseWriter, r *http.Request, _ nodeapi.Leg) error {
		metrics.ServeHTTP(w, r)
		return nil
	}))
	s.mux.Handle("GET "+nodeapi.PathStatus, s.guard(nodeapi.PathStatus, s.status))
	s.mux.Handle("GET "+nodeapi.PathDispatches, s.guard(nodeapi.PathDispatches, s.dispatches))
	for path, handler := range map[string]serve{
		nodeapi.PathChanges: s.changes, nodeapi.PathCopies: lines(c.Source.Copies), nodeapi.PathInventory: lines(c.Source.Inventory),
		nodeapi.PathDigest: document(c.Source.Digest), nodeapi.PathStrays: document(c.Source.Strays), nodeapi.PathLeaves: lines(c.Source.Leaves), nodeapi.PathRepair: s.repair, nodeapi.PathMend: s.mend,
		nodeapi.PathMended: document(c.Target.Mended), nodeapi.PathDisown: document(c.Replica.Disown),
	} {
		s.mux.Handle("POST "+path, s.guard(path, handler))
	}
	for _, rt := range routes() {
		s.mux.Handle(rt.method+" "+rt.path, s.guard(rt.path, rt.handler(s)))
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// serve answers one authenticated request. An error becomes the answer, unless bytes of one were sent already.
type serve func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error

// guard lets authenticated requests with readable headers through, as many at once as there are slots.
func (s *Server) guard(path string, next serve) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		out := &recorder{ResponseWriter: w}
		if id := r.Header.Get(telemetry.HeaderRequest); telemetry.IsRequest(id) {
			r = r.WithContext(telemetry.WithRequest(r.Context(), id))
		}
		defer func() {
			took := time.Since(begin)
			s.Metrics.observe(path, r.Method, out.status, took)
			s.Log.Debug().Ctx(r.Context()).Str("method", r.Method).Str("path_template", path).Int("status", out.status).
				Float64("duration_ms", float64(took.Microseconds())/1000).Msg("request served")
		}()
		if !s.authentic(r.Header.Get("Authorization")) {
			s.refuse(out, apierr.New(apierr.MiroirInvalidAuth, "The node key is missing or wrong."))
			return
		}
		leg, err := nodeapi.ReadLeg(r.Header)
		if err != nil {
			s.refuse(out, apierr.New(apierr.MiroirInvalidHeader, "%s", err.Error()))
			return
		}
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			s.refuse(out, apierr.New("miroir_overloaded", "The node serves as many requests as it can."))
			return
		}
		if err := next(out, r, leg); err != nil {
			s.fail(out, r, leg, err)
		}
	})
}

// authentic compares hashes, so that neither content nor length of the key shows in the time taken.
func (s *Server) authentic(header string) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], s.key[:]) == 1 && ok && s.Key != ""
}

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
