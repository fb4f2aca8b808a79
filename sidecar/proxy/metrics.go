package proxy

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the door.
type Metrics struct {
	requests  *prometheus.HistogramVec
	Filtered  *prometheus.CounterVec
	Refused   *prometheus.CounterVec
	Documents prometheus.Counter
	Bytes     prometheus.Counter
}

// NewMetrics registers the door's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "miroir_sidecar_request_duration_seconds", Help: "Time to serve a request at the sidecar's door.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "path_template", "status"}),
		Filtered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_leg_filtered_total", Help: "Legs that got a shard filter, by reason.",
		}, []string{"reason"}),
		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_sidecar_legs_refused_total", Help: "Legs refused before they reached the engine, by reason.",
		}, []string{"reason"}),
		Documents: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_sidecar_documents_stamped_total", Help: "Documents stamped and sent to the engine.",
		}),
		Bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_sidecar_document_bytes_total", Help: "Bytes of document lines read.",
		}),
	}
	r.MustRegister(m.requests, m.Filtered, m.Refused, m.Documents, m.Bytes)
	for _, reason := range []string{"subset", "inexact"} {
		m.Filtered.WithLabelValues(reason)
	}
	for _, reason := range []string{"stale_placement", "stale_epoch", "fenced", "clock_skew", "stale_stamp", "reserved", "wrong_shard"} {
		m.Refused.WithLabelValues(reason)
	}
	return m
}

func (m *Metrics) observe(path, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, path, strconv.Itoa(status)).Observe(took.Seconds())
}
