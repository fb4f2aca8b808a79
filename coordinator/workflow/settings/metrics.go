package settings

import "github.com/prometheus/client_golang/prometheus"

// Metrics of settings changes.
type Metrics struct {
	phase      *prometheus.GaugeVec
	mismatches prometheus.Counter
	repairs    prometheus.Counter
	rollbacks  prometheus.Counter
	outdated   prometheus.Gauge
}

// phaseNumbers are the values of miroir_settings_broadcast_phase.
var phaseNumbers = map[string]float64{
	phaseStage: 0, phaseRest: 1, phasePropose: 1, phaseVerify: 2, phaseCommit: 3, phaseTurn: 3, phaseConclude: 3, phaseRepair: 4, phaseRollback: 5,
	phaseFreeze: 6,
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		phase: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "miroir_settings_broadcast_phase",
			Help: "Phase of settings changes, of indexes that had one: 0 idle or staged, 1 propose, 2 verify, 3 commit, 4 repair, 5 rollback, 6 freeze.",
		}, []string{"index"}),
		mismatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_settings_hash_mismatch_total", Help: "Nodes that showed other settings than the rest.",
		}),
		repairs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_settings_repair_total", Help: "Nodes that were sent the settings that they differed in.",
		}),
		rollbacks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_settings_rollback_total", Help: "Settings changes that were taken back.",
		}),
		outdated: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_settings_outdated_seals",
			Help: "Records with secrets that are sealed with a key that seals no more, and that could not be sealed anew.",
		}),
	}
	r.MustRegister(m.phase, m.mismatches, m.repairs, m.rollbacks, m.outdated)
	return m
}
