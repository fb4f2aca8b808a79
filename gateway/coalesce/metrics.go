package coalesce

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what is shared.
type Metrics struct {
	subscribers prometheus.Counter
	hits        prometheus.Counter
}

// NewMetrics registers the metrics of this package.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		subscribers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_query_coalesce_subscribers_total", Help: "Searches that joined an equal one under way.",
		}),
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_query_coalesce_hits_total", Help: "Searches answered with the answer of an equal one.",
		}),
	}
	reg.MustRegister(m.subscribers, m.hits)
	return m
}
