package scatter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts legs.
type Metrics struct {
	Retries prometheus.Counter
	Partial prometheus.Counter
	FanOut  prometheus.Histogram
	latency *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_scatter_retries_total", Help: "Legs sent a second time to another node.",
		}),
		Partial: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_scatter_partial_responses_total", Help: "Answers that lack shards.",
		}),
		FanOut: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_scatter_fan_out_size", Help: "Legs of a request.", Buckets: []float64{1, 2, 3, 4, 6, 8, 12, 16, 32, 64},
		}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "miroir_node_request_duration_seconds", Help: "Time of a leg until its whole answer was read.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"node_id"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_node_errors_total", Help: "Legs that brought no usable answer.",
		}, []string{"node_id"}),
	}
	reg.MustRegister(m.Retries, m.Partial, m.FanOut, m.latency, m.errors)
	return m
}

func (m *Metrics) leg(node string, took time.Duration, ok bool) {
	m.latency.WithLabelValues(node).Observe(took.Seconds())
	if !ok {
		m.errors.WithLabelValues(node).Inc()
	}
}
