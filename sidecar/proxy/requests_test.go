package proxy

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// LO-2: every request has one line, which names the client's request that it was made for; a malformed name is none.
func TestLO2LegsNameTheirRequest(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, telemetry.LogOptions{Level: "debug", Component: "sidecar"})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	s := New(Config{Key: "key", Log: log, Metrics: NewMetrics(reg), Registry: reg})
	for id, want := range map[string]string{"7f00ab12": `"request_id":"7f00ab12"`, "a b": "", "": ""} {
		out.Reset()
		r := httptest.NewRequest(http.MethodGet, nodeapi.PathStatus, nil)
		r.Header.Set(telemetry.HeaderRequest, id)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r) // without the key
		line := out.String()
		if w.Code != http.StatusUnauthorized || strings.Count(line, "\n") != 1 || !strings.Contains(line, `"path_template":"`+nodeapi.PathStatus+`"`) ||
			!strings.Contains(line, `"status":401`) || !strings.Contains(line, `"duration_ms":`) {
			t.Errorf("%d %s", w.Code, line)
		}
		if want != "" && !strings.Contains(line, want) || want == "" && strings.Contains(line, "request_id") {
			t.Errorf("%q: %s", id, line)
		}
	}
}
