package adminapi

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the admin API.
type Metrics struct {
	duration *prometheus.HistogramVec
	denied   *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "miroir_admin_request_duration_seconds", Help: "Time to answer an admin request.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5},
		}, []string{"method", "path_template", "status"}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_auth_failures_total", Help: "Admin requests without a valid credential.",
		}, []string{"kind"}),
	}
	r.MustRegister(m.duration, m.denied)
	for _, kind := range []string{"missing", "wrong"} {
		m.denied.WithLabelValues(kind)
	}
	return m
}

func (m *Metrics) observe(method, pattern string, status int, took time.Duration) {
	m.duration.WithLabelValues(method, pattern, strconv.Itoa(status)).Observe(took.Seconds())
}
