package ctl

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

const explainedPlan = `{"feasible":true,"narrowed":true,"narrowing_reason":"primary_key_filter","target_shards":[3],"shard_count":8,
	"chosen_group":{"id":1,"reason":"query","candidates":[{"id":0,"eligible":false,"why_not":"the group is draining"},{"id":1,"score_ms":4.5,"eligible":true}]},
	"legs":[{"node":"node-2","group":1,"shards":[3,4,5],"shard_filter":true,"limit":20,"hedge_trigger_ms":15}],
	"fan_out":1,"estimated_p95_ms":4,"settings_version":7,"merge":{"strategy":"none","window":20}}`

// gatewayOf answers explanations as a gateway does, and keeps the body it was sent.
func gatewayOf(t *testing.T, status int, answer string) (url string, last *string) {
	t.Helper()
	last = new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*last = r.Method + " " + r.URL.String() + " " + string(raw)
		if r.Header.Get("X-Admin-Key") != adminKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, last
}

// F20: the plan as a table or as it came; exit code 4 when not all shards would be asked.
func TestF20Explain(t *testing.T) {
	home(t, "", 0o600)
	single := `{"index":"m","resolved_uid":"movies","plan":` + explainedPlan + `,"warnings":[{"code":"deep_pagination","message":"Every leg."}],"warnings_truncated":2}`
	url, last := gatewayOf(t, http.StatusOK, single)
	code, out, errs := call(t, adminKey, "explain", "--ingress", url, "--index", "m/x", "-q", "alien", "--sort", "year:desc", "--filter", "id = 3")
	if code != 0 || errs != "" || *last != `POST /indexes/m%2Fx/explain {"filter":"id = 3","q":"alien","sort":["year:desc"]}` {
		t.Errorf("%d %q, asked %s", code, errs, *last)
	}
	for _, want := range []string{"movies", "feasible", "1 of 8 (primary_key_filter)", "1 (query)", "node-2", "3-5", "15.0", "deep_pagination", "Every leg.", "2 more"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "draining") {
		t.Errorf("groups are for the wide table:\n%s", out)
	}
	if _, out, _ = call(t, adminKey, "explain", "--ingress", url, "--index", "m", "-o", "wide"); !strings.Contains(out, "no: the group is draining") {
		t.Errorf("wide:\n%s", out)
	}
	if _, out, _ = call(t, adminKey, "explain", "--ingress", url, "--index", "m", "-o", "json"); out != single+"\n" {
		t.Errorf("json: %s", out)
	}

	several := `{"index":"all","resolved_uid":"all","plans":[{"resolved_uid":"a","plan":` + explainedPlan + `},{"resolved_uid":"b","plan":` +
		strings.Replace(explainedPlan, `"feasible":true`, `"feasible":false,"infeasible_code":"miroir_shard_unavailable"`, 1) + `}],"warnings":[]}`
	url, _ = gatewayOf(t, http.StatusOK, several)
	t.Setenv(envIngress, url)
	code, out, errs = call(t, adminKey, "explain", "--index", "all")
	if code != exitDegraded || errs == "" || !strings.Contains(out, "miroir_shard_unavailable") || strings.Count(out, "node-2") != 2 {
		t.Errorf("%d %q\n%s", code, errs, out)
	}
}

// F20: what was run is shown request by request; a part of the shards is exit code 4.
func TestF20ExplainExecute(t *testing.T) {
	answer := func(degraded string) string {
		return `{"index":"m","resolved_uid":"m","plan":` + explainedPlan + `,"warnings":[],"execution":{"result":{"hits":[{"id":1}],"estimatedTotalHits":12},
			"legs":[{"node":"node-2","shards":[3],"ms":1.25,"attempts":1,"hits":1,"status":200},{"node":"node-1","shards":[3],"ms":9,"attempts":2,"hedged":false,"status":0},
			{"node":"node-0","shards":[3],"ms":9,"attempts":1,"hedged":true,"status":200}],"total_ms":2.5,"degraded":` + degraded + `}}`
	}
	home(t, "", 0o600)
	url, last := gatewayOf(t, http.StatusOK, answer("false"))
	home(t, "[contexts.one]\nserver = \"http://127.0.0.1:1\"\ningress = \""+url+"\"\n", 0o600)
	code, out, errs := call(t, adminKey, "explain", "--index", "m", "--body", `{"q":"x","limit":3,"odd":1e400}`, "--limit", "5", "--execute")
	if code != 0 || *last != `POST /indexes/m/explain?execute=true {"limit":5,"odd":1e400,"q":"x"}` {
		t.Errorf("%d %q, asked %s", code, errs, *last)
	}
	for _, want := range []string{"1 hits of 12 in 2.5 ms", "another failed", "another was late", "no answer", "1.2"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	url, _ = gatewayOf(t, http.StatusOK, answer("true"))
	if code, out, _ = call(t, adminKey, "explain", "--ingress", url, "--index", "m", "--execute"); code != exitDegraded || !strings.Contains(out, "not of all shards") {
		t.Errorf("%d\n%s", code, out)
	}
}

// CT-4: wrong calls, refusals, and a server that is none for clients.
func TestCT4Explain(t *testing.T) {
	home(t, "", 0o600)
	server := coordinator(t, nil)
	url, _ := gatewayOf(t, http.StatusNotFound, `{"message":"Index `+"`m`"+` not found.","code":"index_not_found"}`)
	for name, c := range map[string]struct {
		key  string
		args []string
		code int
		told string
	}{
		"no index":      {adminKey, []string{"--ingress", url}, lifecycle.ExitUsage, "--index"},
		"no object":     {adminKey, []string{"--ingress", url, "--index", "m", "--body", "[]"}, lifecycle.ExitUsage, "--body"},
		"unknown index": {adminKey, []string{"--ingress", url, "--index", "m"}, lifecycle.ExitFailure, "Index `m` not found. (index_not_found)"},
		"wrong key":     {"nope", []string{"--ingress", url, "--index", "m"}, exitAuth, "Unauthorized"},
		"a coordinator": {adminKey, []string{"--server", server, "--index", "m"}, lifecycle.ExitFailure, "--ingress"},
	} {
		code, out, errs := call(t, c.key, append([]string{"explain"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.told) || out != "" || name == "unknown index" && strings.Contains(errs, "--ingress") {
			t.Errorf("%s: %d %q %q", name, code, out, errs)
		}
	}
}
