package antientropy

import "github.com/prometheus/client_golang/prometheus"

// Metrics of anti-entropy.
type Metrics struct {
	scanned    prometheus.Counter
	mismatches prometheus.Counter
	repaired   prometheus.Counter
	incomplete prometheus.Counter
	parked     *prometheus.GaugeVec
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
		parked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_antientropy_parked", Help: "Documents whose copies differed at the last pass over all indexes and about which nothing is done, by why.",
		}, []string{"reason"}),
		completed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_antientropy_last_scan_completed_seconds", Help: "When a pass over all indexes ended, in Unix seconds.",
		}, []string{"mode"}),
		took: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_antientropy_last_scan_duration_seconds", Help: "How long that pass took.",
		}, []string{"mode"}),
	}
	m.strays = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "miroir_antientropy_stray_documents_total", Help: "Documents left on nodes that do not hold their shard by the last pass over all indexes.",
	})
	r.MustRegister(m.strays, m.scanned, m.mismatches, m.repaired, m.incomplete, m.parked, m.completed, m.took)
	for _, reason := range reasons {
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
}

// left takes note of what a pass over all indexes has left as it was.
func (m *Metrics) left(r Result) {
	m.strays.Set(float64(r.Strays - r.Removed))
	for _, reason := range reasons {
		m.parked.WithLabelValues(string(reason)).Set(float64(r.Parked[reason]))
	}
}

var reasons = []Parked{Horizon, Misplaced, Unstamped}
