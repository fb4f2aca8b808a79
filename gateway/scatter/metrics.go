package scatter

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/internal/httpconn"
)

// Metrics counts legs.
type Metrics struct {
	Retries prometheus.Counter
	Partial prometheus.Counter
	FanOut  prometheus.Histogram
	stale   prometheus.Counter
	latency *prometheus.HistogramVec
	nodes   sync.Map // name of a node to *observers
	errors  *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_scatter_retries_total", Help: "Legs sent a second time to another node.",
		}),
		Partial: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_scatter_partial_responses_total", Help: "Answers that lack shards.",
		}),
		FanOut: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_scatter_fan_out_size", Help: "Legs of a request.", Buckets: []float64{1, 2, 3, 4, 6, 8, 12, 16, 32, 64},
		}),
		stale: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "miroir_scatter_stale_placement_total", Help: "Legs to nodes that held other shards than planned.",
		}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "miroir_node_request_duration_seconds", Help: "Time of a leg until its whole answer was read.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"node_id", "operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_node_errors_total", Help: "Legs that brought no usable answer.",
		}, []string{"node_id", "error_type"}),
	}
	reg.MustRegister(m.Retries, m.Partial, m.FanOut, m.stale, m.latency, m.errors)
	return m
}

// operations are the values of the label operation, by class, and after them that of writes.
var operations = [...]string{
	balance.Searches: "search", balance.Batches: "multi_search", balance.Documents: "documents", balance.Others: "node", writes: "write",
}

// writes stands for legs that write where reads have their class.
const writes = balance.Others + 1

// observers are the histograms of one node by operation: to look for them by their labels costs more than the rest of a leg's
// metrics.
type observers [len(operations)]prometheus.Observer

func (m *Metrics) observers(node string) *observers {
	known, ok := m.nodes.Load(node)
	if !ok {
		made := &observers{}
		for i, operation := range operations {
			made[i] = m.latency.WithLabelValues(node, operation)
		}
		known, _ = m.nodes.LoadOrStore(node, made)
	}
	o, _ := known.(*observers)
	return o
}

// leg counts one leg. fault is why it brought nothing, empty where it brought something or was given up.
func (m *Metrics) leg(node string, operation balance.Class, took time.Duration, fault string) {
	m.observers(node)[operation].Observe(took.Seconds())
	if fault != "" {
		m.errors.WithLabelValues(node, fault).Inc()
	}
}

// faultOf names what went wrong with a leg: the values of the label error_type.
func faultOf(status int, err error) string {
	switch {
	case err == nil && status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return "status"
	case err == nil:
		return ""
	case errors.Is(err, httpconn.ErrBusy):
		return "busy"
	case timedOut(err):
		return "timeout"
	case neverSent(err):
		return "connect"
	}
	return "broken"
}

// timedOut says that a leg took too long, whoever noticed first: its context or its connection.
func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
