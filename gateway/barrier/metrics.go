package barrier

import "github.com/prometheus/client_golang/prometheus"

// Metrics of barriers.
type Metrics struct {
	held, closing, duration prometheus.Histogram
	impatient               prometheus.Counter
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	buckets := []float64{.0001, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	m := &Metrics{
		held: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_write_barrier_wait_seconds", Help: "Time that writes waited for an operation on all documents.", Buckets: buckets,
		}),
		closing: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_write_barrier_close_seconds", Help: "Time until no gateway had a write in flight.", Buckets: buckets,
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_write_barrier_duration_seconds", Help: "Time that a barrier stood, with its operation.", Buckets: buckets,
		}),
		impatient: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_write_barrier_timeouts_total", Help: "Operations that did not wait any longer for writes in flight.",
		}),
	}
	r.MustRegister(m.held, m.closing, m.duration, m.impatient)
	return m
}
