package finisher

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/task"
)

// Metrics of the finisher.
type Metrics struct {
	finished  *prometheus.CounterVec
	age       prometheus.Histogram
	open      prometheus.Gauge
	never     prometheus.Counter
	pruned    prometheus.Counter
	retention prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_tasks_total", Help: "Tasks that this process finished.",
		}, []string{"status"}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_task_processing_age_seconds", Help: "Time from the acceptance of a task to its record as finished.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200},
		}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_finisher_open_tasks", Help: "Open tasks that the finisher follows.",
		}),
		never: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_task_parts_never_arrived_total", Help: "Parts of tasks that no node ever got.",
		}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_tasks_pruned_total", Help: "Finished tasks that were forgotten.",
		}),
		retention: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_task_retention_used_ratio", Help: "Finished tasks kept, of those that may be.",
		}),
	}
	r.MustRegister(m.finished, m.age, m.open, m.never, m.pruned, m.retention)
	for _, status := range []string{task.Succeeded, task.Failed, task.Canceled} {
		m.finished.WithLabelValues(status)
	}
	return m
}
