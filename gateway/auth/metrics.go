package auth

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts refused credentials.
type Metrics struct{ failures *prometheus.CounterVec }

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_auth_failures_total", Help: "Requests refused for their credential.",
	}, []string{"kind"})}
	r.MustRegister(m.failures)
	for _, kind := range []string{kindMissing, kindUnknown, kindDenied, kindToken, kindUI, kindAdmin} {
		m.failures.WithLabelValues(kind)
	}
	return m
}
