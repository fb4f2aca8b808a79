package balance

import "github.com/prometheus/client_golang/prometheus"

// Metrics shows how nodes are judged.
type Metrics struct {
	score       *prometheus.GaugeVec
	excluded    *prometheus.GaugeVec
	exploration prometheus.Counter
	probes      prometheus.Counter
	second      prometheus.Counter
}

// NewMetrics registers the metrics of this package.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		score: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_replica_selection_score", Help: "Score of a node, the lower the better.",
		}, []string{"node_id"}),
		excluded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_replica_selection_excluded", Help: "1 for a node that gets nothing but probes.",
		}, []string{"node_id"}),
		exploration: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_selection_exploration_total", Help: "Queries that went to the dearer of two choices to see how it does.",
		}),
		probes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_selection_probes_total", Help: "Queries that went to an excluded node to see how it does.",
		}),
		second: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_selection_second_total", Help: "Queries that went to the second of two choices because it was better.",
		}),
	}
	reg.MustRegister(m.score, m.excluded, m.exploration, m.probes, m.second)
	return m
}

func (m *Metrics) node(name string, score float64, excluded bool) {
	m.score.WithLabelValues(name).Set(score)
	out := 0.0
	if excluded {
		out = 1
	}
	m.excluded.WithLabelValues(name).Set(out)
}

func (m *Metrics) forget(name string) {
	m.score.DeleteLabelValues(name)
	m.excluded.DeleteLabelValues(name)
}
