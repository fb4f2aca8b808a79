package server

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/snapshot"
)

type metrics struct {
	acks     *prometheus.CounterVec
	nacks    *prometheus.CounterVec
	version  prometheus.Gauge
	streams  prometheus.Gauge
	rejected *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		acks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_xds_acks_total", Help: "Responses that an Envoy accepted.",
		}, []string{"type"}),
		nacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_xds_nacks_total", Help: "Responses that an Envoy refused; it keeps what it had.",
		}, []string{"type"}),
		version: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_xds_snapshot_version", Help: "Revision of the current snapshot.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_xds_streams", Help: "Envoys connected to this coordinator.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_xds_rejected_snapshots_total", Help: "Snapshots that never left because they were not good.",
		}, []string{"reason"}),
	}
	for _, typeURL := range snapshot.Types() {
		m.acks.WithLabelValues(shortType(typeURL))
		m.nacks.WithLabelValues(shortType(typeURL))
	}
	for _, c := range []prometheus.Collector{m.acks, m.nacks, m.version, m.streams, m.rejected} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register xds metrics: %w", err)
		}
	}
	return m, nil
}

// rejectedFor names the reason why a snapshot was not published, out of a bounded set.
func rejectedFor(err error) string {
	switch {
	case errors.Is(err, ir.ErrInvalid):
		return "invalid"
	case errors.Is(err, snapshot.ErrInconsistent):
		return "inconsistent"
	case errors.Is(err, snapshot.ErrStale):
		return "stale"
	case errors.Is(err, snapshot.ErrReused):
		return "reused"
	default:
		return "other"
	}
}
