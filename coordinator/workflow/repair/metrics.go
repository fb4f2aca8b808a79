package repair

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Metrics of repairs.
type Metrics struct {
	running   prometheus.Gauge
	cleared   prometheus.Counter
	elected   prometheus.Counter
	documents *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "miroir_repairs_running", Help: "Repairs of dirty copies at work."}),
		cleared: prometheus.NewCounter(prometheus.CounterOpts{Name: "miroir_repair_copies_total", Help: "Dirty copies made complete again."}),
		elected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_repair_elected_total", Help: "Times that no complete copy was left and the fullest one had to count as complete.",
		}),
		documents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_repair_documents_total", Help: "Documents of dirty copies, by what became of them.",
		}, []string{"outcome"}),
	}
	r.MustRegister(m.running, m.cleared, m.elected, m.documents)
	for _, outcome := range []string{"examined", "written", "deleted"} {
		m.documents.WithLabelValues(outcome)
	}
	return m
}

func (m *Metrics) count(r nodeapi.RepairResult) {
	m.documents.WithLabelValues("examined").Add(float64(r.Examined))
	m.documents.WithLabelValues("written").Add(float64(r.Written))
	m.documents.WithLabelValues("deleted").Add(float64(r.Deleted))
}
