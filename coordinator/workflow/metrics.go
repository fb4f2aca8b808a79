package workflow

import "github.com/prometheus/client_golang/prometheus"

// Metrics of all workflows of one process.
type Metrics struct {
	running  *prometheus.GaugeVec
	stalled  *prometheus.GaugeVec
	retries  *prometheus.CounterVec
	finished *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_workflows_running", Help: "Workflows that this process works on.",
		}, []string{"kind"}),
		stalled: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_workflow_stalled", Help: "Workflows that made no progress for the stall limit.",
		}, []string{"kind"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_workflow_step_retries_total", Help: "Steps that could not be carried out and were tried again.",
		}, []string{"kind"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_workflows_finished_total", Help: "Workflows that came to their end.",
		}, []string{"kind", "state"}),
	}
	r.MustRegister(m.running, m.stalled, m.retries, m.finished)
	return m
}

// declare makes the series of a kind exist before anything happened.
func (m *Metrics) declare(kind string) {
	m.running.WithLabelValues(kind)
	m.stalled.WithLabelValues(kind)
	m.retries.WithLabelValues(kind)
	m.finished.WithLabelValues(kind, string(Succeeded))
	m.finished.WithLabelValues(kind, string(Failed))
}
