package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/coordinator/workflow/dumps"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// Tasks reads tasks; *state.Client does.
type Tasks interface {
	Task(ctx context.Context, uid uint32) (task.Record, error)
}

// TaskList is the cache of all tasks; *state.TaskWatch is one.
type TaskList interface {
	Each(ascending bool, visit func(*task.Record) bool)
}

// Nodes asks sidecars; *client.Client does.
type Nodes interface {
	Dispatches(ctx context.Context, address string, ids []string) ([]nodeapi.Dispatch, error)
}

// Workflows reads workflow records; *state.Client does.
type Workflows interface {
	Workflow(ctx context.Context, kind, id string) (value []byte, revision int64, err error)
	Workflows(ctx context.Context, kind string) (map[string][]byte, error)
}

// Settings reopens indexes that take no writes; *state.Client does.
type Settings interface {
	FreezeSettings(ctx context.Context, physical string, f *routing.Freeze) error
}

// Config of a Server. All fields but Imports and Dumps must be set.
type Config struct {
	Key       string
	Snapshot  func() view.Snapshot
	Sightings *view.Sightings
	Tasks     Tasks
	TaskList  TaskList
	Nodes     Nodes
	Workflows Workflows
	Activity  Activities
	Imports   Imports      // nil where no dumps are taken
	Dumps     dumps.Folder // empty where none are written
	Enqueuer  Enqueuer
	Aliases   Aliases
	AliasList AliasList
	Passes    Passes
	Settings  Settings
	Seal      *seal.Box
	Tuning    Tuning
	Effective func() any   // the configuration of this coordinator, without secrets
	Kinds     []string     // of workflows
	Healthy   func() error // whether this coordinator can do its work
	Gatherer  prometheus.Gatherer
	Log       zerolog.Logger
	Metrics   *Metrics
	Now       func() time.Time
}

// Server answers admin requests.
type Server struct {
	Config
	guard guard
	mux   *http.ServeMux
}

// route is one row of the table.
type route struct {
	pattern string // method and path as http.ServeMux reads them
	rule    rule
	serve   func(s *Server, w http.ResponseWriter, r *http.Request) *apierr.Error
	large   bool // the body is as large as it is; whoever reads it has a bound of its own
}

// routes is everything that is served. The last row is what is left of the coordinator's paths.
func routes() []route {
	return []route{
		{"GET /_miroir/ready", exempt, (*Server).ready, false},
		{"GET /_miroir/metrics", exempt, (*Server).metrics, false},
		{"GET /_miroir/activity", adminOnly, (*Server).activity, false},
		{"GET /_miroir/topology", adminOnly, (*Server).topology, false},
		{"GET /_miroir/nodes", adminOnly, (*Server).nodes, false},
		{"GET /_miroir/nodes/{id}", adminOnly, (*Server).node, false},
		{"GET /_miroir/problems", adminOnly, (*Server).problems, false},
		{"GET /_miroir/tasks/{uid}", adminOnly, (*Server).task, false},
		{"POST /_miroir/tasks/{uid}/cancel", adminOnly, (*Server).cancelTask, false},
		{"GET /_miroir/workflows", adminOnly, (*Server).workflows, false},
		{"GET /_miroir/workflows/{id}", adminOnly, (*Server).workflow, false},
		{"GET /_miroir/tasks", adminOnly, (*Server).tasks, false},
		{"GET /_miroir/config", adminOnly, (*Server).config, false},
		{"PATCH /_miroir/config", adminOnly, (*Server).configure, false},
		{"GET /_miroir/aliases", adminOnly, (*Server).listAliases, false},
		{"GET /_miroir/aliases/{name}", adminOnly, (*Server).alias, false},
		{"POST /_miroir/aliases", adminOnly, (*Server).createAlias, false},
		{"POST /_miroir/aliases/{name}", adminOnly, (*Server).createAlias, false},
		{"PUT /_miroir/aliases/{name}", adminOnly, (*Server).flipAlias, false},
		{"DELETE /_miroir/aliases/{name}", adminOnly, (*Server).deleteAlias, false},
		{"GET /_miroir/dumps", adminOnly, (*Server).listDumps, false},
		{"POST /_miroir/dumps", adminOnly, (*Server).createDump, false},
		{"GET /_miroir/dumps/{uid}/content", adminOnly, (*Server).dumpContent, false},
		{"GET /_miroir/dumps/import", adminOnly, (*Server).listImports, false},
		{"POST /_miroir/dumps/import", adminOnly, (*Server).importDump, true},
		{"POST /_miroir/dumps/import/check", adminOnly, (*Server).checkImport, true},
		{"PUT /_miroir/dumps/import/{id}/content", adminOnly, (*Server).appendDump, true},
		{"GET /_miroir/dumps/import/{id}/status", adminOnly, (*Server).importStatus, false},
		{"POST /_miroir/dumps/import/{id}/cancel", adminOnly, (*Server).cancelImport, false},
		{"GET /_miroir/jobs", adminOnly, (*Server).listImports, false},
		{"GET /_miroir/jobs/{id}", adminOnly, (*Server).importStatus, false},
		{"POST /_miroir/jobs/{id}/cancel", adminOnly, (*Server).cancelImport, false},
		{"GET /_miroir/indexes/{uid}/settings/status", adminOnly, (*Server).settingsStatus, false},
		{"POST /_miroir/indexes/{uid}/settings/preview", adminOnly, (*Server).previewSettings, false},
		{"POST /_miroir/indexes/{uid}/settings/retry", adminOnly, (*Server).retrySettings, false},
		{"POST /_miroir/indexes/{uid}/settings/rollback", adminOnly, (*Server).rollbackSettings, false},
		{"POST /_miroir/indexes/{uid}/settings/unfreeze", adminOnly, (*Server).unfreeze, false},
		{"POST /_miroir/verify", adminOnly, (*Server).verify, false},
		{"GET /_miroir/verify", adminOnly, (*Server).listPasses, false},
		{"GET /_miroir/verify/{id}", adminOnly, (*Server).verifyStatus, false},
		{"POST /_miroir/anti-entropy/run", adminOnly, (*Server).runAntiEntropy, false},
		{"GET /_miroir/anti-entropy/status", adminOnly, (*Server).antiEntropy, false},
		{"GET /_miroir/anti-entropy/repairs", adminOnly, (*Server).repairs, false},
		{"/", adminOnly, (*Server).missing, false},
	}
}

// maxBody bounds the request bodies of most routes, and maxDecoded those that are read as JSON.
const (
	maxBody    = 1 << 20
	maxDecoded = 64 << 20
)

// New returns the handler of all admin routes.
func New(c Config) *Server {
	s := &Server{Config: c, guard: newGuard(c.Key), mux: http.NewServeMux()}
	for _, rt := range routes() {
		s.mux.Handle(rt.pattern, s.handler(rt))
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handler wraps a row with its rule and its metrics.
func (s *Server) handler(rt route) http.Handler {
	_, path, found := strings.Cut(rt.pattern, " ")
	if !found {
		path = "other"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		out := &recorder{ResponseWriter: w}
		id := r.Header.Get(telemetry.HeaderRequest)
		if !telemetry.IsRequest(id) { // who comes through Envoy has one
			id = telemetry.NewRequest()
		}
		r = r.WithContext(telemetry.WithRequest(r.Context(), id))
		out.Header().Set(telemetry.HeaderRequest, id)
		if !rt.large {
			r.Body = http.MaxBytesReader(out, r.Body, maxBody)
		}
		if e := s.admit(rt, r); e != nil {
			refuse(out, e)
		} else {
			if e := rt.serve(s, out, r); e != nil {
				refuse(out, e)
			}
			s.note(rt, r, out.status)
		}
		took := time.Since(began)
		s.Metrics.observe(methodOf(r.Method), path, out.status, took)
		s.Log.Debug().Ctx(r.Context()).Str("method", methodOf(r.Method)).Str("path_template", path).Int("status", out.status).
			Float64("duration_ms", float64(took.Microseconds())/1000).Msg("request served")
	})
}

func (s *Server) admit(rt route, r *http.Request) *apierr.Error {
	if rt.rule == exempt {
		return nil
	}
	kind, e := s.guard.check(r.Header)
	if e != nil {
		s.Metrics.denied.WithLabelValues(kind).Inc()
	}
	return e
}

// methodOf bounds the values of a label.
func methodOf(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder remembers the status of an answer.
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

// missing answers everything that is not there: what belongs to the coordinators is not implemented yet, the rest is
// none of their business.
func (s *Server) missing(_ http.ResponseWriter, r *http.Request) *apierr.Error {
	for _, own := range []string{"/_miroir", "/ui"} {
		if r.URL.Path == own || strings.HasPrefix(r.URL.Path, own+"/") {
			return apierr.New(apierr.MiroirNotImplemented, "This route is not implemented yet.")
		}
	}
	return apierr.New(apierr.MiroirNotFound, "There is no such route.")
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) *apierr.Error {
	promhttp.HandlerFor(s.Gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
	return nil
}

func refuse(w http.ResponseWriter, e *apierr.Error) { send(w, e.Status, e.JSON()) }

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may be gone
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, v any) *apierr.Error { return answerWith(w, http.StatusOK, v) }

func answerWith(w http.ResponseWriter, status int, v any) *apierr.Error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return apierr.New(apierr.MiroirInternal, "The answer could not be written.")
	}
	send(w, status, b.Bytes())
	return nil
}
