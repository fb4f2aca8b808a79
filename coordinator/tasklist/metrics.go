package tasklist

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/task"
)

// Metrics of orders about tasks.
type Metrics struct {
	open   prometheus.Gauge
	orders *prometheus.CounterVec
	tasks  *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_task_orders_open", Help: "Cancelations and deletions of tasks that are being carried out.",
		}),
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_task_orders_total", Help: "Cancelations and deletions of tasks that were carried out.",
		}, []string{"type"}),
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_task_orders_tasks_total", Help: "Tasks that were canceled or deleted by order.",
		}, []string{"type"}),
	}
	r.MustRegister(m.open, m.orders, m.tasks)
	for _, kind := range []string{task.TaskCancelation, task.TaskDeletion} {
		m.orders.WithLabelValues(kind)
		m.tasks.WithLabelValues(kind)
	}
	return m
}
