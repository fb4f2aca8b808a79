package bounds

import "github.com/prometheus/client_golang/prometheus"

// Metrics tell how large the families are. They are those of the coordinator that leads; the others show none.
type Metrics struct {
	keys, sessions, activity prometheus.Gauge
	dropped                  *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		keys: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_idempotency_cache_size", Help: "Idempotency keys that are remembered.",
		}),
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_session_active_count", Help: "Sessions that are remembered.",
		}),
		activity: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_activity_records", Help: "Records of what was done by the admin API.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_bounds_dropped_total", Help: "Records that were dropped before their time because there were too many.",
		}, []string{"family"}),
	}
	for _, family := range []string{"idempotency", "sessions", "activity"} {
		m.dropped.WithLabelValues(family)
	}
	r.MustRegister(m.keys, m.sessions, m.activity, m.dropped)
	return m
}
