package replica

import "github.com/prometheus/client_golang/prometheus"

// Metrics of a replica.
type Metrics struct {
	voided    prometheus.Counter
	settled   prometheus.Counter
	takenBack prometheus.Counter
	lost      prometheus.Counter
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		voided: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_operations_voided_total", Help: "Late operations that newer ones had made void.",
		}),
		settled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_operations_settled_total", Help: "Operations sent to the engine again, after one that came late.",
		}),
		takenBack: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_legs_taken_back_total", Help: "Legs whose tasks the engine failed to carry out, or that were canceled.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_replica_order_lost_total", Help: "Times that operations could not be put in order, so that copies had to be repaired.",
		}),
	}
	r.MustRegister(m.voided, m.settled, m.takenBack, m.lost)
	return m
}
