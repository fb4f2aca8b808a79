package transfer

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Metrics of transfers.
type Metrics struct {
	documents *prometheus.CounterVec
	steps     prometheus.Counter
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		documents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_repair_documents_total", Help: "Documents of dirty copies, by what became of them.",
		}, []string{"outcome"}),
		steps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_repair_steps_total", Help: "Steps of repairs that this node has done.",
		}),
	}
	r.MustRegister(m.documents, m.steps)
	for _, outcome := range []string{"examined", "written", "deleted", "deferred"} {
		m.documents.WithLabelValues(outcome)
	}
	return m
}

func (m *Metrics) count(r nodeapi.RepairResult) {
	m.steps.Inc()
	m.documents.WithLabelValues("examined").Add(float64(r.Examined))
	m.documents.WithLabelValues("written").Add(float64(r.Written))
	m.documents.WithLabelValues("deleted").Add(float64(r.Deleted))
	m.documents.WithLabelValues("deferred").Add(float64(r.Deferred))
}
