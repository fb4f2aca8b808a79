package ctl

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

const adminKey = "the admin key"

// coordinator answers like one.
func coordinator(t *testing.T, answers map[string]string) string {
	t.Helper()
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		switch {
		case r.Header.Get("X-Admin-Key") != adminKey:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"message":"The provided admin key is invalid.","code":"miroir_invalid_auth"}`)
		case answer == "hang":
			<-hang
		case answer == "conflict":
			w.WriteHeader(http.StatusConflict)
		case !known:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"There is no such node.","code":"miroir_not_found"}`)
		default:
			_, _ = io.WriteString(w, answer)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	return server.URL
}

// call runs miroir-ctl as a shell would.
func call(t *testing.T, key string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("MIROIR_ADMIN_API_KEY", key)
	var out, errs bytes.Buffer
	code = lifecycle.Main("miroir-ctl", Run, args, lifecycle.Stdio{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

const healthy = `{"nodes":[{"id":"node-0"},{"id":"node-1"}],"degraded_node_count":0,"fully_covered":true,"rebalance_in_progress":false,"new_field":1}`

func TestCT4StatusTellsTheStateByItsExitCode(t *testing.T) {
	fine := coordinator(t, map[string]string{"/_miroir/topology": healthy})
	code, out, errs := call(t, adminKey, "status", "--server", fine)
	if code != 0 || out != "2 nodes healthy, 0 degraded; all shards covered; no rebalance\n" || errs != "" {
		t.Errorf("healthy: %d %q %q", code, out, errs)
	}
	code, out, _ = call(t, adminKey, "status", "--server", fine, "-o", "json")
	if code != 0 || out != healthy+"\n" {
		t.Errorf("json: %d %q", code, out)
	}
	holes := coordinator(t, map[string]string{"/_miroir/topology": `{"nodes":[{"id":"node-0"}],"degraded_node_count":1,"rebalance_in_progress":true}`})
	code, out, errs = call(t, adminKey, "status", "--server", holes)
	if code != exitDegraded || !strings.Contains(out, "0 nodes healthy, 1 degraded; NOT all shards covered; rebalance running") || errs == "" {
		t.Errorf("uncovered: %d %q %q", code, out, errs)
	}
}

func TestCT4ExitCodes(t *testing.T) {
	server := coordinator(t, map[string]string{
		"/_miroir/topology": "hang", "/_miroir/nodes": "conflict", "/_miroir/nodes/odd": "<html>",
	})
	for name, c := range map[string]struct {
		key  string
		args []string
		code int
		told string
	}{
		"no key":          {"", []string{"status"}, exitAuth, "MIROIR_ADMIN_API_KEY"},
		"wrong key":       {"nope", []string{"status"}, exitAuth, "miroir_invalid_auth"},
		"too late":        {adminKey, []string{"status", "--timeout", "1ms"}, exitTimeout, "in time"},
		"conflict":        {adminKey, []string{"node", "list"}, exitConflict, "Conflict"},
		"unknown node":    {adminKey, []string{"node", "show", "node-9"}, lifecycle.ExitFailure, "no such node"},
		"no coordinator":  {adminKey, []string{"node", "show", "odd"}, lifecycle.ExitFailure, "does not answer like"},
		"unknown command": {adminKey, []string{"frobnicate"}, lifecycle.ExitUsage, "frobnicate"},
		"unknown flag":    {adminKey, []string{"status", "--nope"}, lifecycle.ExitUsage, "--nope"},
		"missing id":      {adminKey, []string{"node", "show"}, lifecycle.ExitUsage, "arg"},
		"odd format":      {adminKey, []string{"status", "-o", "xml"}, lifecycle.ExitUsage, "xml"},
	} {
		began := time.Now()
		code, out, errs := call(t, c.key, append(c.args, "--server", server)...)
		if code != c.code || !strings.Contains(errs, c.told) || out != "" {
			t.Errorf("%s: %d %q %q after %s", name, code, out, errs, time.Since(began))
		}
	}
}

func TestCT2KeysAndWarnings(t *testing.T) {
	server := coordinator(t, map[string]string{"/_miroir/topology": healthy})
	code, _, errs := call(t, "", "status", "--server", server, "--admin-key", adminKey)
	if code != 0 || !strings.Contains(errs, "process lists") || strings.Contains(errs, adminKey) {
		t.Errorf("flag: %d %q", code, errs)
	}
	code, _, errs = call(t, adminKey, "status", "--server", server, "--admin-key", "other")
	if code != 0 || !strings.Contains(errs, "is ignored") {
		t.Errorf("environment wins: %d %q", code, errs)
	}
}

func TestNodeList(t *testing.T) {
	server := coordinator(t, map[string]string{
		"/_miroir/nodes":        `{"results":[{"id":"node-0","group":1,"status":"active","shard_count":8,"engine_version":"1.50.0","address":"http://a"}]}`,
		"/_miroir/nodes/node-0": `{"id":"node-0","status":"failed","error":"the sidecar holds no lease"}`,
	})
	code, out, _ := call(t, adminKey, "node", "list", "--server", server)
	if code != 0 || !strings.Contains(out, "NODE") || !strings.Contains(out, "1.50.0") {
		t.Errorf("list: %d %q", code, out)
	}
	code, out, _ = call(t, adminKey, "node", "show", "node-0", "--server", server)
	if code != 0 || !strings.Contains(out, "holds no lease") {
		t.Errorf("show: %d %q", code, out)
	}
}

func TestCT5EveryCommandHasAnExample(t *testing.T) {
	root := (&tool{}).command()
	for _, c := range append(root.Commands(), root) {
		if c.Example == "" {
			t.Errorf("%s has none", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			if sub.Example == "" {
				t.Errorf("%s has none", sub.CommandPath())
			}
		}
	}
	code, out, _ := call(t, adminKey, "version")
	if code != 0 || !strings.HasPrefix(out, "miroir ") {
		t.Errorf("version: %d %q", code, out)
	}
}
