package features

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the keeper.
type Metrics struct{ repaired prometheus.Counter }

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{repaired: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "miroir_features_repaired_total", Help: "Experimental features that the engine had otherwise than committed.",
	})}
	r.MustRegister(m.repaired)
	return m
}
