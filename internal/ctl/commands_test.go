package ctl

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// recorder answers every request and notes it.
type recorder struct {
	URL      string
	requests []string
	answers  map[string]string // by "METHOD path"; "409 " before an answer is its status
}

func record(t *testing.T, answers map[string]string) *recorder {
	t.Helper()
	r := &recorder{answers: answers}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.requests = append(r.requests, strings.TrimSpace(q.Method+" "+q.URL.RequestURI()+" "+string(body)))
		answer, known := r.answers[q.Method+" "+q.URL.Path]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotImplemented)
			_, _ = io.WriteString(w, `{"message":"This route is not implemented yet.","code":"miroir_not_implemented"}`)
		case strings.HasPrefix(answer, "409 "):
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, answer[4:])
		default:
			_, _ = io.WriteString(w, answer)
		}
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// typed runs a command with something typed into it.
func typed(t *testing.T, r *recorder, input string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("MIROIR_ADMIN_API_KEY", adminKey)
	var out, errs bytes.Buffer
	code = lifecycle.Main("miroir-ctl", Run, append(args, "--server", r.URL), lifecycle.Stdio{In: strings.NewReader(input), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func (r *recorder) last() string {
	if len(r.requests) == 0 {
		return ""
	}
	return r.requests[len(r.requests)-1]
}

const (
	openTask = `{"uid":391,"type":"documentAdditionOrUpdate","index":"movies","status":"processing","enqueued_at":"2026-11-25T20:00:00Z","started_at":"2026-11-25T20:00:01Z",
		"parts":[{"node":"node-0","group":0,"shards":"0-3","node_task_uid":7,"state":"succeeded"},{"node":"node-1","group":0,"shards":"4","state":"missed","error":{"message":"no","code":"x"}}]}`
	doneTask = `{"uid":391,"type":"dumpCreation","index":null,"status":"succeeded","details":{"dumpUid":"20261125-193812345"},"enqueued_at":"2026-11-25T20:00:00Z","started_at":"2026-11-25T20:00:01Z","finished_at":"2026-11-25T20:00:02.5Z","parts":[]}`
)

func TestTK1TaskCommands(t *testing.T) {
	r := record(t, map[string]string{
		"GET /_miroir/tasks/391": openTask, "GET /_miroir/tasks": `{"results":[` + doneTask + `],"cursor":"391"}`,
	})
	for _, uid := range []string{"391", "mtask-00391"} {
		code, out, errs := typed(t, r, "", "task", "show", uid)
		if code != 0 || !strings.Contains(out, "node-1  0      4       missed") || !strings.Contains(out, "no (x)") {
			t.Errorf("%s: %d %q\n%s", uid, code, errs, out)
		}
	}
	code, out, errs := typed(t, r, "", "task", "list", "--status", "succeeded", "--limit", "1")
	if code != 0 || !strings.Contains(out, "1.5s") || !strings.Contains(errs, "--cursor 391") || r.last() != "GET /_miroir/tasks?limit=1&status=succeeded" {
		t.Errorf("%d %q %q %s", code, out, errs, r.last())
	}
	if code, _, _ = typed(t, r, "", "task", "show", "seven"); code != lifecycle.ExitUsage {
		t.Errorf("%d", code)
	}
	r.answers["GET /_miroir/tasks/391"] = doneTask
	if code, out, _ = typed(t, r, "", "task", "show", "391", "--wait", "-o", "json"); code != 0 || !strings.Contains(out, "dumpUid") {
		t.Errorf("%d %s", code, out)
	}
}

// Destructive forms ask, or are told --yes; what the API does not have yet is said as it says it.
func TestDestructiveCommandsAsk(t *testing.T) {
	r := record(t, map[string]string{
		"PUT /_miroir/aliases/products":             `{"name":"products","kind":"single","current_uid":"p2","version":8}`,
		"POST /_miroir/aliases/all":                 `{"name":"all","kind":"multi","target_uids":["a","b"],"version":1}`,
		"GET /_miroir/aliases":                      `{"results":[{"name":"products","kind":"single","current_uid":"p1","version":7,"owner":"ilm"}]}`,
		"DELETE /_miroir/aliases/products":          ``,
		"POST /_miroir/indexes/x/settings/unfreeze": `{"index":"x","version":4}`,
		"POST /_miroir/indexes/x/settings/rollback": `{"task_uid":9}`, "POST /_miroir/indexes/x/settings/retry": `{"task_uid":9}`,
		"DELETE /_miroir/aliases/protected": `409 {"message":"Owned by a policy.","code":"miroir_alias_managed"}`,
	})
	for _, c := range []struct {
		input string
		args  []string
		code  int
		asked string
	}{
		{"n\n", []string{"alias", "flip", "products", "p2"}, lifecycle.ExitFailure, ""},
		{"", []string{"alias", "delete", "products"}, lifecycle.ExitFailure, ""},
		{"y\n", []string{"alias", "flip", "products", "p2"}, 0, `PUT /_miroir/aliases/products {"target":"p2"}`},
		{"", []string{"alias", "delete", "products", "--yes"}, 0, `DELETE /_miroir/aliases/products`},
		{"yes\n", []string{"alias", "delete", "protected"}, exitConflict, `DELETE /_miroir/aliases/protected`},
		{"", []string{"alias", "create", "all", "a", "b"}, 0, `POST /_miroir/aliases/all {"targets":["a","b"]}`},
		{"", []string{"alias", "create", "all", "a", "--several"}, 0, `POST /_miroir/aliases/all {"targets":["a"]}`},
		{"", []string{"alias", "flip", "products", "p2", "--force", "--yes"}, 0, `PUT /_miroir/aliases/products {"target":"p2","force":true}`},
		{"n\n", []string{"settings", "unfreeze", "x"}, lifecycle.ExitFailure, ""},
		{"y\n", []string{"settings", "unfreeze", "x"}, 0, `POST /_miroir/indexes/x/settings/unfreeze`},
		{"n\n", []string{"settings", "rollback", "x"}, lifecycle.ExitFailure, ""},
		{"y\n", []string{"settings", "rollback", "x"}, 0, `POST /_miroir/indexes/x/settings/rollback`},
		{"", []string{"settings", "retry", "x", "--yes", "-o", "json"}, 0, `POST /_miroir/indexes/x/settings/retry`},
		{"", []string{"settings", "preview", "x", "{"}, lifecycle.ExitUsage, ""},
		{"", []string{"alias", "list"}, 0, `GET /_miroir/aliases`},
		{"", []string{"alias", "show", "x/y"}, lifecycle.ExitFailure, `GET /_miroir/aliases/x%2Fy`},
		{"", []string{"task", "cancel", "7", "--yes"}, lifecycle.ExitFailure, `POST /_miroir/tasks/7/cancel`},
		{"", []string{"alias", "create", "all"}, lifecycle.ExitUsage, ""},
	} {
		r.requests = nil
		code, _, errs := typed(t, r, c.input, c.args...)
		if code != c.code || r.last() != c.asked {
			t.Errorf("%v with %q: %d %q, asked %q", c.args, c.input, code, errs, r.last())
		}
	}
	if code, _, errs := typed(t, r, "", "alias", "show", "none"); code != lifecycle.ExitFailure || !strings.Contains(errs, "miroir_not_implemented") {
		t.Errorf("%d %q", code, errs)
	}
}

func TestConfigAndWorkflows(t *testing.T) {
	r := record(t, map[string]string{
		"GET /_miroir/config":                        `{"coordinator":{"id":"c","etcd":["http://a"],"n":{"x":1}},"restart_required":[]}`,
		"PATCH /_miroir/config":                      `{"ok":true}`,
		"GET /_miroir/workflows":                     `{"results":[{"workflow_id":"settings.m--0","state":"running","phase":"verify","scope":"s"}]}`,
		"GET /_miroir/workflows/dump_create.cluster": `{"workflow_id":"dump_create.cluster","state":"failed","error":{"message":"no","code":"x"},"history":[{"phase":"stage","by":"c"},{"phase":"","by":"c"}]}`,
	})
	for _, c := range []struct{ command, want string }{
		{"config get", "coordinator.n.x   1"}, {"config get coordinator.id", "c\n"}, {"config get coordinator.etcd -o json", `["http://a"]`},
		{"workflow list", "verify"}, {"workflow show dump_create.cluster", "(end)"}, {"workflow show dump_create.cluster", "no (x)"},
	} {
		code, out, errs := typed(t, r, "", strings.Fields(c.command)...)
		if code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d %q\n%s", c.command, code, errs, out)
		}
	}
	if code, _, _ := typed(t, r, "", "config", "get", "nope.x"); code != lifecycle.ExitUsage {
		t.Errorf("%d", code)
	}
	for value, want := range map[string]string{"false": `false`, "text": `"text"`, `{"a":1}`: `{"a":1}`} {
		if code, _, errs := typed(t, r, "", "config", "set", "hedging.enabled", value); code != 0 || r.last() != `PATCH /_miroir/config {"hedging":{"enabled":`+want+`}}` {
			t.Errorf("%d %q %s", code, errs, r.last())
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	r := record(t, nil)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, errs := typed(t, r, "", "completion", shell); code != 0 || !strings.Contains(out, "miroir-ctl") {
			t.Errorf("%s: %d %q", shell, code, errs)
		}
	}
	if code, _, _ := typed(t, r, "", "completion", "tcsh"); code != lifecycle.ExitUsage {
		t.Errorf("%d", code)
	}
	for args, want := range map[string]string{"du": "dump", "dump im": "import", "completion f": "fish", "status -o nd": "ndjson"} {
		words := strings.Fields(args)
		var out, errs bytes.Buffer
		lifecycle.Main("miroir-ctl", Run, append([]string{"__complete"}, words...), lifecycle.Stdio{In: strings.NewReader(""), Out: &out, Err: &errs})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q %q", args, out.String(), errs.String())
		}
	}
	if len(r.requests) > 0 {
		t.Errorf("completion asked the coordinator: %v", r.requests)
	}
}
