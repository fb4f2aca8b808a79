package adminapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/etcd"
)

// §13: what is marked as live is changed by a patch and shown; what is wrong is named and changes nothing.
func TestConfigIsChangedWhileEverythingRuns(t *testing.T) {
	f := newFixture(t)
	patch := func(body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPatch, "/_miroir/config", strings.NewReader(body))
		r.Header.Set("X-Admin-Key", key)
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w
	}
	if w := patch(`{"hedging":{"enabled":false}}`); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "miroir_state_unavailable") {
		t.Errorf("without a store: %d %s", w.Code, w.Body)
	}
	f.Tuning = etcd.Connect(t, etcd.Start(t))
	var got struct {
		Coordinator map[string]string
		Hedging     struct {
			Enabled     bool
			BudgetRatio float64 `json:"budget_ratio"`
		}
		RestartRequired []string `json:"restart_required"`
	}
	if w := patch(`{"hedging":{"enabled":false}}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	f.get(t, "/_miroir/config", http.StatusOK, &got)
	if got.Coordinator["id"] != "coordinator-0" || got.Hedging.Enabled || got.Hedging.BudgetRatio != 0.05 || got.RestartRequired == nil {
		t.Errorf("%+v", got)
	}
	for body, named := range map[string]string{
		`{"hedging":{"budget_ratio":2,"min_trigger_ms":0}}`: "hedging.budget_ratio: 2 is not within 0 to 1", `{"hedging":{"enable":true}}`: "enable", `{"x":{}}`: "x",
	} {
		if w := patch(body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "miroir_config_invalid") || !strings.Contains(w.Body.String(), named) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := patch(`{`); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.get(t, "/_miroir/config", http.StatusOK, &got)
	if got.Hedging.BudgetRatio != 0.05 {
		t.Errorf("a change that was refused counts: %+v", got)
	}
}
