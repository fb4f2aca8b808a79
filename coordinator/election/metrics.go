package election

import "github.com/prometheus/client_golang/prometheus"

// Metrics of all scopes of one process.
type Metrics struct {
	leader *prometheus.GaugeVec
	terms  *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		leader: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_leader", Help: "1 while this process leads the scope.",
		}, []string{"scope"}),
		terms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_leader_terms_total", Help: "Times this process began to lead the scope.",
		}, []string{"scope"}),
	}
	r.MustRegister(m.leader, m.terms)
	return m
}

// forget drops the series of a scope that will not be led again.
func (m *Metrics) forget(scope string) {
	m.leader.DeleteLabelValues(scope)
	m.terms.DeleteLabelValues(scope)
}
