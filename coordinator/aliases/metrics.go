package aliases

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLabels bounds the aliases that are counted by name; the others are counted together.
const maxLabels = 500

// Metrics of changes.
type Metrics struct {
	flips *prometheus.CounterVec
	wait  prometheus.Observer
	mu    sync.Mutex
	known map[string]bool
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	wait := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "miroir_alias_spread_seconds", Help: "Time until all gateways work by a change of an alias.",
		Buckets: prometheus.ExponentialBuckets(0.002, 2, 14),
	})
	m := &Metrics{
		flips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_alias_flips_total", Help: "Aliases that were given other targets.",
		}, []string{"alias"}),
		wait: wait, known: map[string]bool{},
	}
	r.MustRegister(m.flips, wait)
	return m
}

func (m *Metrics) flipped(alias string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known[alias] {
		if len(m.known) >= maxLabels {
			alias = "other"
		}
		m.known[alias] = true
	}
	m.flips.WithLabelValues(alias).Inc()
}

func (m *Metrics) waited(took time.Duration) { m.wait.Observe(took.Seconds()) }
