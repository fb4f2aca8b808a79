package ensure

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the keeper.
type Metrics struct {
	Created  prometheus.Counter
	Deleted  prometheus.Counter
	Repaired prometheus.Counter
	Failures prometheus.Counter
	lost     *prometheus.CounterVec
}

// NewMetrics registers the keeper's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	lost := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_sidecar_lost_copies_total",
		Help: "Copies of shards that the engine has lost: marked ones are repaired from others, of last ones there is no other.",
	}, []string{"outcome"})
	r.MustRegister(lost)
	for _, outcome := range []string{"marked", "last"} {
		lost.WithLabelValues(outcome)
	}
	return &Metrics{
		lost:     lost,
		Created:  counter("miroir_sidecar_indexes_created_total", "Indexes created on the engine because the routing view places them here."),
		Deleted:  counter("miroir_sidecar_indexes_deleted_total", "Indexes deleted from the engine because they left the catalog."),
		Repaired: counter("miroir_settings_drift_repair_total", "Indexes whose engine settings differed from the committed ones and were repaired."),
		Failures: counter("miroir_sidecar_ensure_failures_total", "Steps of keeping the engine in step that failed and are repeated."),
	}
}
