package imports

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/apierr"
)

// Metrics of imports.
type Metrics struct {
	read      prometheus.Counter
	documents prometheus.Counter
	rate      prometheus.Gauge
	phase     prometheus.Gauge
	retries   prometheus.Counter
	rejected  *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		read: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_dump_import_bytes_read_total", Help: "Bytes of dumps received and scanned.",
		}),
		documents: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_dump_import_documents_routed_total", Help: "Documents of dumps that the cluster accepted.",
		}),
		rate: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_dump_import_rate_docs_per_sec", Help: "Documents per second of the import that sent a batch last, since the batch before.",
		}),
		phase: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "miroir_dump_import_phase", Help: "Phase of the import that moved last: 0 none, 1 receive, 2 scan, 3 settings, 4 stream, 5 finish.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_dump_import_retries_total", Help: "Batches that had to be sent again.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_dump_import_rejected_total", Help: "Documents left out because they can not be written, by reason.",
		}, []string{"reason"}),
	}
	r.MustRegister(m.read, m.documents, m.rate, m.phase, m.retries, m.rejected)
	for _, code := range []apierr.Code{apierr.MalformedPayload, apierr.MissingDocumentID, apierr.InvalidDocumentID} {
		m.rejected.WithLabelValues(string(code))
	}
	return m
}
