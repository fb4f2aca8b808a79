package probe

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the probe.
type Metrics struct {
	Up     prometheus.Gauge
	Misses prometheus.Counter
}

// NewMetrics registers the probe's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		Up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_sidecar_engine_up", Help: "1 while the engine beside this sidecar answers its probes.",
		}),
		Misses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_sidecar_probe_misses_total", Help: "Probes that the engine did not answer in time.",
		}),
	}
	r.MustRegister(m.Up, m.Misses)
	return m
}
