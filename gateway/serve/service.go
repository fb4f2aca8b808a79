package serve

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/auth"
	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/barrier"
	"github.com/miroir-search/miroir/gateway/coalesce"
	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/gateway/write"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/internal/tuning"
	"github.com/miroir-search/miroir/internal/webhook"
)

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface {
	View() *routing.View
	Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error)
	Reach(ctx context.Context, revision int64) error
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Get(uid uint32) (task.Record, bool)
	Each(ascending bool, visit func(*task.Record) bool)
	Stamp() hlc.Stamp
	Version(physical string) uint64
	Wait(ctx context.Context, uid uint32, cond func(task.Record) bool) (task.Record, error)
	Sync(ctx context.Context) error
	Reach(ctx context.Context, revision int64) error
	InView(uid uint32) bool
}

// Keys is the cache of API keys; *state.KeyWatch is one.
type Keys interface {
	Keys() *key.Set
	Wait(ctx context.Context, cond func(*key.Set) bool) error
	Reach(ctx context.Context, revision int64) error
}

// Contact is how long the store has not answered; *contact.Contact knows.
type Contact interface {
	Lost() bool  // for so long that a write would wait in vain
	Stale() bool // for so long that what is known is too old to read by
}

// Webhooks is the cache of webhooks; *state.WebhookWatch is one.
type Webhooks interface {
	Webhooks() *webhook.Set
	Wait(ctx context.Context, cond func(*webhook.Set) bool) error
}

// Limits bound what a request may cost.
type Limits struct {
	MaxBody     int64         // bytes of a request body after decompression
	SpoolMemory int64         // bytes of a document payload kept in memory before it goes to SpoolDir
	SpoolDir    string        // folder for the rest
	ReadLeg     time.Duration // deadline of a leg that reads
	WriteLeg    time.Duration // deadline of a leg that writes, upload included
	State       time.Duration // deadline of all state operations of a request

	MultiQueries  int           // queries of one multi-search
	MultiParallel int           // queries of one multi-search that run at the same time
	MultiQuery    time.Duration // deadline of one query of a multi-search
	Multi         time.Duration // deadline of a whole multi-search

	Waiting int // reads that wait for writes of their sessions at the same time; further ones wait in vain at once
}

// DefaultLimits are the defaults of the configuration page.
func DefaultLimits(spoolDir string) Limits {
	return Limits{
		MaxBody: 100 << 20, SpoolMemory: 8 << 20, SpoolDir: spoolDir,
		ReadLeg: 5 * time.Second, WriteLeg: 60 * time.Second, State: 5 * time.Second,
		MultiQueries: 100, MultiParallel: 16, MultiQuery: 30 * time.Second, Multi: 30 * time.Second, Waiting: 500,
	}
}

// Service answers requests. All fields must be set; it is safe for concurrent use.
type Service struct {
	Views   Views
	Tasks   Tasks
	Keys    Keys
	Hooks   Webhooks
	Store   *state.Client
	Nodes   *client.Client
	Auth    *auth.Checker
	Admit   *admission.Control
	Table   *operation.Table
	Scatter *scatter.Metrics
	Metrics *Metrics
	Barrier *barrier.Barrier
	Balance *balance.Tracker // nil: copies are chosen by the query alone
	// Coalesce lets equal searches share an answer; nil: every one is asked.
	Coalesce *coalesce.Group[*reply.Reply]
	Hedge    *hedge.Policy       // nil: no leg is asked for twice
	Tuning   func() *tuning.Live // nil: the defaults
	Contact  Contact             // nil: the store is always there
	Clock    *hlc.Clock
	ID       string    // name of this gateway
	Started  time.Time // as its presence says
	NodeKey  string    // sent along with routed requests
	Seal     *seal.Box
	Limits   Limits
	Log      zerolog.Logger

	Registry prometheus.Gatherer // of all metrics of this gateway

	Waits *client.Client // for questions that take long: they must not hold the connections of others

	settings settingsCache
	places   places
	told     told
	waiting  atomic.Int64 // reads that wait for writes of their session
}

// call is one request on its way through the service.
type call struct {
	*extproc.Request
	op     operation.Operation
	grant  auth.Grant
	view   *routing.View
	alias  *routing.Alias // that the operation's index is called by; nil for none
	now    time.Time
	least  uint64  // version of its index's settings that a read asks for
	sights *sights // what legs said about settings

	shunned map[string]bool // nodes that said that they have other settings; nil: nothing was read yet
	trace   *scatter.Trace  // of the legs, for an explanation; nil: nobody wants to know
	once    *once           // nil: the request has no idempotency key

	moved bool         // the alias stood for something else when the write was to be recorded
	body  []byte       // as far as it was read, for a second try
	batch *write.Batch // likewise

	session *session // nil: the request is in none
}

// Serve implements extproc.Handler.
func (s *Service) Serve(ctx context.Context, r *extproc.Request) *reply.Reply {
	start := time.Now()
	ctx = telemetry.WithRequest(ctx, r.Header.Get(telemetry.HeaderRequest)) // Envoy has made sure of it
	c := &call{Request: r, op: s.Table.Classify(r.Method, r.Path), view: s.Views.View(), now: start.UTC(), sights: &sights{}}
	s.Metrics.inFlight.Inc()
	answer := s.answer(ctx, c)
	c.mark(answer)
	answer = c.deflate(answer)
	s.Metrics.inFlight.Dec()
	status := "routed"
	if answer.Route == nil {
		status = strconv.Itoa(answer.Status)
	}
	s.Metrics.duration.WithLabelValues(r.Method, c.op.Pattern, status).Observe(time.Since(start).Seconds())
	if answer.Status >= http.StatusInternalServerError && answer.Status != http.StatusNotImplemented {
		s.Log.Warn().Ctx(ctx).Str("route", c.op.Pattern).Int("status", answer.Status).
			Msg("request failed")
	}
	s.Log.Debug().Ctx(ctx).Str("method", r.Method).Str("path_template", c.op.Pattern).Str("status", status).
		Float64("duration_ms", float64(time.Since(start).Microseconds())/1000).Msg("request answered")
	return answer
}

func (s *Service) answer(ctx context.Context, c *call) *reply.Reply {
	switch c.op.Kind {
	case operation.Unknown:
		return reply.Empty(http.StatusNotFound)
	case operation.WrongMethod:
		return reply.Empty(http.StatusMethodNotAllowed)
	case operation.Admin:
		return &reply.Reply{Route: &reply.Route{}}
	}
	c.resolve()
	var e *apierr.Error
	if c.grant, e = s.Auth.Check(c.op, c.Header); e != nil {
		s.Log.Debug().Ctx(ctx).Str("route", c.op.Pattern).Str("credential", auth.Fingerprint(c.Header.Get("Authorization"))).
			Str("code", string(e.Code)).Msg("credential refused")
		return reply.Error(e)
	}
	if e := s.outOfTouch(c.op); e != nil {
		return reply.Error(e)
	}
	if c.op.Kind == operation.Unserved {
		return reply.Error(apierr.New(apierr.MiroirNotImplemented, "The route `%s` is not implemented yet.", c.op.Pattern))
	}
	if c.op.Index != "" && !namedLate[c.op.Kind] {
		if e := meili.CheckIndexUID(c.op.Index); e != nil {
			return reply.Error(e)
		}
	}
	if e := s.join(ctx, c); e != nil {
		return reply.Error(e)
	}
	if documents, reads := attended[c.op.Kind]; reads {
		if e := s.attend(ctx, c, c.op.Index, documents); e != nil {
			return reply.Error(e)
		}
	}
	gate, e := s.Admit.Enter(ctx, classOf(c.op))
	if e != nil {
		return reply.Error(e)
	}
	defer gate.Leave()
	if e := s.keyed(c); e != nil {
		return reply.Error(e)
	}
	if e := s.floor(ctx, c); e != nil {
		return tooOld(e)
	}
	if e := frozen(c); e != nil {
		return reply.Error(e)
	}
	answer := s.dispatch(ctx, c)
	s.purity(c, answer)
	answer = s.purer(ctx, c, answer)
	s.settled(ctx, c, answer)
	s.remember(ctx, c, answer)
	return answer
}

// namedLate are the operations that look at the name of their index after they have looked at parameters and body.
var namedLate = map[operation.Kind]bool{
	operation.ListFields: true, operation.EditDocuments: true, operation.AddDocuments: true, operation.UpdateDocuments: true,
	operation.DeleteByFilter: true, operation.DeleteDocuments: true, operation.ListDocuments: true, operation.FetchDocuments: true,
	operation.SearchPost: true, operation.SearchGet: true, operation.SimilarPost: true, operation.SimilarGet: true, operation.UpdateIndex: true,
	operation.UpdateSettings: true, operation.ResetSettings: true, operation.GetDocument: true, operation.IndexStats: true,
}

// handler answers one kind of operation.
type handler func(s *Service, ctx context.Context, c *call) *reply.Reply

// handlers has an entry for every kind that the table serves; a test walks the table.
var handlers = map[operation.Kind]handler{
	operation.Root:            (*Service).root,
	operation.Health:          (*Service).health,
	operation.Version:         (*Service).version,
	operation.Stats:           (*Service).stats,
	operation.ListIndexes:     (*Service).listIndexes,
	operation.CreateIndex:     (*Service).createIndex,
	operation.GetIndex:        (*Service).getIndex,
	operation.UpdateIndex:     (*Service).updateIndex,
	operation.DeleteIndex:     (*Service).deleteIndex,
	operation.SwapIndexes:     (*Service).swapIndexes,
	operation.IndexStats:      (*Service).indexStats,
	operation.ListFields:      (*Service).listFields,
	operation.AddDocuments:    (*Service).addDocuments,
	operation.UpdateDocuments: (*Service).addDocuments,
	operation.GetDocument:     (*Service).getDocument,
	operation.ListDocuments:   (*Service).listDocuments,
	operation.FetchDocuments:  (*Service).fetchDocuments,
	operation.DeleteDocument:  (*Service).deleteDocument,
	operation.DeleteDocuments: (*Service).deleteDocuments,
	operation.DeleteByFilter:  (*Service).deleteByFilter,
	operation.DeleteAll:       (*Service).deleteAll,
	operation.EditDocuments:   (*Service).editDocuments,
	operation.SearchPost:      (*Service).search,
	operation.SearchGet:       (*Service).search,
	operation.FacetSearch:     (*Service).facetSearch,
	operation.SimilarPost:     (*Service).similar,
	operation.SimilarGet:      (*Service).similar,
	operation.MultiSearch:     (*Service).multiSearch,
	operation.Explain:         (*Service).explain,
	operation.ExplainMulti:    (*Service).explainMulti,
	operation.GetSettings:     (*Service).getSettings,
	operation.UpdateSettings:  (*Service).updateSettings,
	operation.ResetSettings:   (*Service).updateSettings,
	operation.ListTasks:       (*Service).listTasks,
	operation.GetTask:         (*Service).getTask,
	operation.CancelTasks:     (*Service).orderTasks,
	operation.DeleteTasks:     (*Service).orderTasks,
	operation.ListBatches:     (*Service).listBatches,
	operation.GetBatch:        (*Service).getBatch,
	operation.GetFeatures:     (*Service).getFeatures,
	operation.GetMetrics:      (*Service).getMetrics,
	operation.UpdateFeatures:  (*Service).updateFeatures,
	operation.ListKeys:        (*Service).listKeys,
	operation.CreateKey:       (*Service).createKey,
	operation.GetKey:          (*Service).getKey,
	operation.UpdateKey:       (*Service).updateKey,
	operation.DeleteKey:       (*Service).deleteKey,
	operation.ListWebhooks:    (*Service).listWebhooks,
	operation.CreateWebhook:   (*Service).createWebhook,
	operation.GetWebhook:      (*Service).getWebhook,
	operation.UpdateWebhook:   (*Service).updateWebhook,
	operation.DeleteWebhook:   (*Service).deleteWebhook,
	operation.CreateDump:      (*Service).createDump,
	operation.CreateSnapshot:  (*Service).createSnapshot,
	operation.CompactIndex:    (*Service).compactIndex,
}

func (s *Service) root(context.Context, *call) *reply.Reply {
	return reply.JSON(http.StatusOK, []byte(`{"status":"Meilisearch is running"}`))
}

func (s *Service) health(context.Context, *call) *reply.Reply {
	return reply.JSON(http.StatusOK, []byte(`{"status":"available"}`))
}

// index finds the operation's index in the call's view.
func (c *call) index() (*routing.Index, *apierr.Error) {
	ix, ok := c.view.Find(c.op.Index)
	switch {
	case ok:
		return ix, nil
	case c.op.Kind == operation.ListFields: // a name that is none is not told from others here
		return nil, meili.IndexNotFound(c.op.Index)
	}
	return nil, absent(c.op.Index)
}

// absent says of a name that no index has that it is none, or that there is no such index.
func absent(name string) *apierr.Error {
	if e := meili.CheckIndexUID(name); e != nil {
		return e
	}
	return meili.IndexNotFound(name)
}
