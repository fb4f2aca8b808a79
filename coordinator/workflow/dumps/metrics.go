package dumps

import "github.com/prometheus/client_golang/prometheus"

// Metrics of dumps.
type Metrics struct {
	documents prometheus.Counter
	bytes     prometheus.Counter
	retries   prometheus.Counter
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		documents: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_dump_create_documents_total", Help: "Documents fetched for dumps.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_dump_create_bytes_total", Help: "Bytes of documents fetched for dumps.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_dump_create_retries_total", Help: "Copies of shards that could not be fetched for a dump.",
		}),
	}
	r.MustRegister(m.documents, m.bytes, m.retries)
	return m
}
