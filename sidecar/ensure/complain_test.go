package ensure

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// An engine that is down for long does not fill the log: what fails is said once, and again after it went well.
func TestFailuresAreToldOnce(t *testing.T) {
	var log bytes.Buffer
	k := New(Config{Metrics: NewMetrics(prometheus.NewRegistry()), Log: zerolog.New(&log)})
	pass := func(fails ...string) {
		for _, msg := range fails {
			k.failed(t.Context(), errors.New("engine unreachable"), msg)
		}
		k.recovered()
	}
	for range 100 {
		pass("orphans not swept", "index not in step yet")
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	pass()
	pass("orphans not swept")
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}
