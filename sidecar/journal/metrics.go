package journal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the journal. A nil Metrics counts nothing.
type Metrics struct {
	legs     *prometheus.CounterVec
	bytes    prometheus.Counter
	duration prometheus.Histogram
	window   prometheus.Gauge
	disk     prometheus.Gauge
	dropped  *prometheus.CounterVec
}

// NewMetrics registers the journal's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		legs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_journal_legs_total", Help: "Legs made durable, by the way they came.",
		}, []string{"via"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_journal_bytes_total", Help: "Bytes of bodies made durable.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_journal_prepare_duration_seconds", Help: "Time to make a leg durable, after its last byte came.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		window: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_journal_window_bytes", Help: "Bytes of bodies that are kept to put late operations in order.",
		}),
		disk: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_journal_disk_bytes", Help: "Bytes of the journal on disk.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_journal_dropped_total", Help: "Legs whose bodies, or changes, were dropped, by what and why.",
		}, []string{"what", "reason"}),
	}
	r.MustRegister(m.legs, m.bytes, m.duration, m.window, m.disk, m.dropped)
	for _, via := range ways {
		m.legs.WithLabelValues(via)
	}
	return m
}

var ways = []string{"direct", "settled", "copied"}

func (m *Metrics) prepared(e Entered, took time.Duration) {
	if m == nil {
		return
	}
	m.legs.WithLabelValues(ways[e.Via]).Inc()
	m.bytes.Add(float64(e.Bytes))
	m.duration.Observe(took.Seconds())
}
