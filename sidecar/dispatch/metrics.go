package dispatch

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the table.
type Metrics struct {
	Deduplicated prometheus.Counter
	Known        prometheus.Gauge
}

// NewMetrics registers the table's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		Deduplicated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_write_dispatch_dedup_total", Help: "Writes answered from an earlier dispatch with the same id.",
		}),
		Known: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_sidecar_dispatches_known", Help: "Dispatch ids whose engine task is remembered.",
		}),
	}
	r.MustRegister(m.Deduplicated, m.Known)
	return m
}
