package antientropy

import "github.com/prometheus/client_golang/prometheus"

// Metrics of anti-entropy.
type Metrics struct {
	scanned    prometheus.Counter
	mismatches prometheus.Counter
	repaired   prometheus.Counter
	incomplete prometheus.Counter
	parked     *prometheus.CounterVec
	completed  *prometheus.GaugeVec
	took       *prometheus.GaugeVec
	strays     prometheus.Gauge
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		scanned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_antientropy_shards_scanned_total", Help: "Shards whose copies were compared.",
		}),
		mismatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_antientropy_mismatches_found_total", Help: "Documents whose copies differed for good.",
		}),
		repaired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_antientropy_docs_repaired_total", Help: "Documents whose copies were made equal again.",
		}),
		incomplete: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_antientropy_shards_incomplete_total", Help: "Shards of which a copy was not compared: dirty, being built, or without an answer.",
		}),
		parked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_antientropy_parked_total", Help: "Documents whose copies differ and about which nothing is done, by why.",
		}, []string{"reason"}),
		completed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_antientropy_last_scan_completed_seconds", Help: "When a pass over all indexes ended, in Unix seconds.",
		}, []string{"mode"}),
		took: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_antientropy_last_scan_duration_seconds", Help: "How long that pass took.",
		}, []string{"mode"}),
	}
	m.strays = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "miroir_antientropy_stray_documents", Help: "Documents that stood on nodes which do not hold their shard, at the last pass over all indexes.",
	})
	r.MustRegister(m.strays, m.scanned, m.mismatches, m.repaired, m.incomplete, m.parked, m.completed, m.took)
	for _, reason := range []Parked{Horizon, Misplaced, Unstamped} {
		m.parked.WithLabelValues(string(reason))
	}
	for _, deep := range []bool{false, true} {
		m.completed.WithLabelValues(mode(deep))
		m.took.WithLabelValues(mode(deep))
	}
	return m
}

func (m *Metrics) count(o Outcome) {
	if o.Compared {
		m.scanned.Inc()
	}
	if o.Incomplete {
		m.incomplete.Inc()
	}
	m.mismatches.Add(float64(o.Mismatches))
	m.repaired.Add(float64(o.Repaired))
	for reason, n := range o.Parked {
		m.parked.WithLabelValues(string(reason)).Add(float64(n))
	}
}
