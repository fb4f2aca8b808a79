package webhooks

import "github.com/prometheus/client_golang/prometheus"

// Metrics of webhooks. The label webhook is a uuid, of which there are at most 21.
type Metrics struct {
	requests *prometheus.CounterVec
	tasks    *prometheus.CounterVec
	pending  *prometheus.GaugeVec
	duration prometheus.Histogram
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_webhook_requests_total", Help: "Attempts to post finished tasks to webhooks, by result: delivered, failed, refused, moved.",
		}, []string{"result"}),
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_webhook_tasks_total", Help: "Finished tasks that a webhook got (delivered) or will never get (dropped).",
		}, []string{"result"}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_webhook_pending_tasks", Help: "Finished tasks that a webhook did not get yet.",
		}, []string{"webhook"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_webhook_request_duration_seconds", Help: "How long attempts to post finished tasks took.",
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 30},
		}),
	}
	for _, name := range resultNames {
		m.requests.WithLabelValues(name)
	}
	for _, name := range []string{"delivered", "dropped"} {
		m.tasks.WithLabelValues(name)
	}
	reg.MustRegister(m.requests, m.tasks, m.pending, m.duration)
	return m
}

// resultNames are the outcomes in metrics.
var resultNames = map[outcome]string{delivered: "delivered", failed: "failed", refused: "refused", moved: "moved"}
