package serve

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/explain"
)

// Metrics counts requests.
type Metrics struct {
	inFlight prometheus.Gauge
	duration *prometheus.HistogramVec
	missed   *prometheus.CounterVec

	idempotency *prometheus.CounterVec

	sessionPins     prometheus.Counter
	sessionWait     prometheus.Histogram
	sessionTimeouts prometheus.Counter
	sessionsEvicted prometheus.Counter

	batches        prometheus.Counter
	partialBatches prometheus.Counter
	queries        prometheus.Histogram

	explains        prometheus.Counter
	executions      prometheus.Counter
	explainWarnings *prometheus.CounterVec

	narrowable *prometheus.CounterVec
	narrowing  prometheus.Histogram

	repeated    prometheus.Counter
	resolutions *prometheus.CounterVec
	mu          sync.Mutex
	aliases     map[string]bool // that have a label value of their own
}

// maxAliasLabels bounds the aliases that are counted by name; the others are counted together.
const maxAliasLabels = 500

// resolved counts a request that came by an alias.
func (m *Metrics) resolved(alias string) {
	m.mu.Lock()
	if !m.aliases[alias] {
		if len(m.aliases) < maxAliasLabels {
			m.aliases[alias] = true
		} else {
			alias = "other"
		}
	}
	m.mu.Unlock()
	m.resolutions.WithLabelValues(alias).Inc()
}

// NewMetrics registers the metrics of this package.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		aliases: map[string]bool{},
		resolutions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_alias_resolutions_total", Help: "Requests that named an index by an alias.",
		}, []string{"alias"}),
		repeated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_settings_reads_repeated_total", Help: "Reads that were made again because nodes answered with other settings than those committed.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_requests_in_flight", Help: "Client requests being answered.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "miroir_request_duration_seconds", Help: "Time from a request's headers to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"method", "path_template", "status"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_write_quorum_missed_total", Help: "Writes for which a group missed quorum.",
		}, []string{"group"}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_multisearch_batches_total", Help: "Multi-searches.",
		}),
		partialBatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_multisearch_partial_failures_total", Help: "Multi-searches of which some query could not be answered.",
		}),
		queries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_multisearch_queries_per_batch", Help: "Queries of a multi-search.",
			Buckets: []float64{1, 2, 3, 5, 8, 13, 21, 34, 55, 100},
		}),
	}
	m.plans(reg)
	m.promises(reg)
	reg.MustRegister(m.inFlight, m.duration, m.missed, m.batches, m.partialBatches, m.queries, m.repeated, m.resolutions)
	return m
}

// plans registers what counts plans and explanations of them.
func (m *Metrics) plans(reg prometheus.Registerer) {
	m.explains = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "miroir_explain_requests_total", Help: "Explanations of searches.",
	})
	m.executions = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "miroir_explain_execute_total", Help: "Explained searches that were run.",
	})
	m.explainWarnings = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_explain_warnings_total", Help: "Warnings in explanations.",
	}, []string{"warning_type"})
	for _, code := range explain.Codes() {
		m.explainWarnings.WithLabelValues(code)
	}
	m.narrowable = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_query_plan_narrowable_total", Help: "Reads with a filter, by whether it narrowed them to some shards.",
	}, []string{"narrowed"})
	for _, narrowed := range []string{"false", "true"} {
		m.narrowable.WithLabelValues(narrowed)
	}
	m.narrowing = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "miroir_query_plan_narrowing_ratio", Help: "Share of an index's shards that a narrowed read asks.",
		Buckets: []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1},
	})
	reg.MustRegister(m.explains, m.executions, m.explainWarnings, m.narrowable, m.narrowing)
}

// promises registers the metrics of idempotency keys and of sessions.
func (m *Metrics) promises(reg prometheus.Registerer) {
	m.idempotency = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_idempotency_hits_total", Help: "Writes with an idempotency key, by what was known of it.",
	}, []string{"outcome"})
	for _, outcome := range []string{"miss", "dedup", "conflict", "in_progress", "takeover"} {
		m.idempotency.WithLabelValues(outcome)
	}
	m.sessionPins = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "miroir_session_pin_enforced_total", Help: "Reads that were kept to the copies that have the writes of their session.",
	})
	m.sessionWait = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "miroir_session_wait_duration_seconds", Help: "Time that reads waited for the writes of their session.",
		Buckets: prometheus.ExponentialBuckets(0.002, 2, 13),
	})
	m.sessionTimeouts = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "miroir_session_wait_timeout_total", Help: "Reads whose session had writes that were not applied in time.",
	})
	m.sessionsEvicted = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "miroir_session_evicted_total", Help: "Indexes with open writes that a session had to forget because it wrote to too many.",
	})
	reg.MustRegister(m.idempotency, m.sessionPins, m.sessionWait, m.sessionTimeouts, m.sessionsEvicted)
}
