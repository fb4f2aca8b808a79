package ctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

// depot is a coordinator that takes a file and imports it.
type depot struct {
	URL string

	mu       sync.Mutex
	job      bool // it is known
	got      []byte
	size     int64
	status   map[string]any
	looks    int
	failPuts int    // pieces that get half way, and no answer
	forget   int    // looks until the job is forgotten, once
	query    string // of the request that began it
	resume   bool
	end      func(status map[string]any)
	checked  string
}

func newDepot(t *testing.T) *depot {
	t.Helper()
	d := &depot{status: map[string]any{"job_id": "0123456789abcdef", "state": "running", "phase": "receive", "created_at": time.Now()}, forget: -1}
	server := httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(server.Close)
	d.URL = server.URL
	return d
}

func (d *depot) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case r.URL.Path == "/_miroir/dumps/import/check":
		d.checked, d.query = string(body), r.URL.RawQuery
		_, _ = io.WriteString(w, `{"indexes":[{"uid":"m","target":"n","documents":2}],"keys":{"new":1},"skipped":["3 tasks"],"conflicts":[{"index":"n","reason":"it exists"}]}`)
		return
	case r.Method == http.MethodPost:
		var a struct {
			Size   int64
			Resume bool
		}
		_ = json.Unmarshal(body, &a)
		if a.Resume && !d.job {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"No import is under way.","code":"miroir_not_found"}`)
			return
		}
		d.job, d.size, d.query, d.resume = true, a.Size, r.URL.RawQuery, a.Resume
	case r.Method == http.MethodPut:
		if d.failPuts > 0 {
			d.failPuts--
			d.got = append(d.got, body[:len(body)/2]...)
			panic(http.ErrAbortHandler)
		}
		if err != nil || r.URL.Query().Get("offset") != fmt.Sprint(len(d.got)) {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"message":"Not the next byte.","code":"miroir_conflict"}`)
			return
		}
		d.got = append(d.got, body...)
	default:
		d.looks++
		if d.forget == d.looks {
			d.job, d.got = false, nil
		}
		if !d.job {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	d.answer(w)
}

// answer tells the status. A file that is whole is imported within two looks.
func (d *depot) answer(w http.ResponseWriter) {
	whole := int64(len(d.got)) == d.size
	d.status["received_bytes"], d.status["size_bytes"], d.status["needs_file"] = len(d.got), d.size, !whole
	if whole {
		d.status["total"] = map[string]int{"documents": 2}
		d.status["phase"] = "stream"
		if d.looks > 1 {
			d.status["state"], d.status["phase"] = "succeeded", ""
			d.status["sent"], d.status["written"] = map[string]int{"documents": 2}, map[string]int{"documents": 2}
			d.status["skipped"] = []string{"3 tasks of its history"}
			if d.end != nil {
				d.end(d.status)
			}
		}
	}
	_ = json.NewEncoder(w).Encode(d.status)
}

// dumpFile writes a small dump.
func dumpFile(t *testing.T) (path string, content []byte) {
	t.Helper()
	var out bytes.Buffer
	w, err := dump.NewWriter(&out, dump.Content{DBVersion: "1.50.0"})
	if err != nil {
		t.Fatal(err)
	}
	pk, lines := "id", "{\"id\":1}\n{\"id\":2}\n"
	err = w.Index(dump.IndexMetadata{UID: "m", PrimaryKey: &pk}, json.RawMessage(`{"embedders":{"e":{"apiKey":"sk-secret"}},"stopWords":["a"]}`),
		strings.NewReader(lines), int64(len(lines)))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "a.dump")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, out.Bytes()
}

func run(t *testing.T, d *depot, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return call(t, adminKey, append(args, "--server", d.URL)...)
}

func TestF9ImportSendsTheFileAndTellsTheEnd(t *testing.T) {
	path, content := dumpFile(t)
	d := newDepot(t)
	code, out, errs := run(t, d, "dump", "import", path, "--index", "m:n", "--on-existing", "merge", "--skip-keys")
	if code != 0 || !bytes.Equal(d.got, content) || !strings.Contains(out, "succeeded") || !strings.Contains(out, "2 of 2") ||
		!strings.Contains(out, "skipped: 3 tasks of its history") || !strings.Contains(errs, "import 0123456789abcdef") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if d.query != "index=m%3An&keys=skip&on_bad_document=fail&on_existing=merge" || d.resume {
		t.Error(d.query)
	}
}

func TestF9ImportGoesOnAfterABrokenConnection(t *testing.T) {
	path, content := dumpFile(t)
	d := newDepot(t)
	d.failPuts = 2
	if code, out, errs := run(t, d, "dump", "import", path); code != 0 || !bytes.Equal(d.got, content) {
		t.Errorf("%d %q %q", code, out, errs)
	}
	// Another coordinator answers, which knows nothing of it.
	d = newDepot(t)
	d.forget = 1
	if code, out, errs := run(t, d, "dump", "import", path); code != 0 || !bytes.Equal(d.got, content) || !d.job {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

func TestF9ResumeNeedsSomethingToGoOnWith(t *testing.T) {
	path, content := dumpFile(t)
	d := newDepot(t)
	if code, _, errs := run(t, d, "dump", "import", path, "--resume"); code != lifecycle.ExitFailure || !strings.Contains(errs, "No import is under way") {
		t.Errorf("%d %q", code, errs)
	}
	d.job, d.got = true, bytes.Clone(content[:40])
	if code, _, errs := run(t, d, "dump", "import", path, "--resume"); code != 0 || !bytes.Equal(d.got, content) || !d.resume {
		t.Errorf("%d %q", code, errs)
	}
}

func TestF9ImportsThatFail(t *testing.T) {
	path, _ := dumpFile(t)
	for codeName, want := range map[string]int{"miroir_conflict": exitConflict, "invalid_document_id": lifecycle.ExitFailure} {
		d := newDepot(t)
		d.end = func(s map[string]any) {
			s["state"], s["error"] = "failed", map[string]string{"message": "It is so.", "code": codeName}
		}
		code, out, errs := run(t, d, "dump", "import", path)
		if code != want || !strings.Contains(errs, "It is so. ("+codeName+")") || !strings.Contains(out, "failed") {
			t.Errorf("%s: %d %q %q", codeName, code, out, errs)
		}
	}
	d := newDepot(t)
	for name, args := range map[string][]string{"no file": {}, "missing file": {path + "x"}, "both": {path, "--resume", "--dry-run"}, "two files": {path, path}} {
		if code, _, errs := run(t, d, append([]string{"dump", "import"}, args...)...); code == 0 || d.job {
			t.Errorf("%s: %d %q", name, code, errs)
		}
	}
}

// A dry run reads the file here, sends what is in it but no secret, and tells conflicts by its exit code.
func TestF9DryRun(t *testing.T) {
	path, _ := dumpFile(t)
	d := newDepot(t)
	code, out, errs := run(t, d, "dump", "import", path, "--dry-run", "--index", "m:n")
	if code != exitConflict || !strings.Contains(out, "CONFLICT: index n: it exists") || !strings.Contains(out, "keys: 1 new") || d.job {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if strings.Contains(d.checked, "sk-secret") || !strings.Contains(d.checked, `"documents":2`) || !strings.Contains(d.query, "index=m%3An") {
		t.Error(d.checked, d.query)
	}
}

func TestDumpAnalyzeStatusAndDownload(t *testing.T) {
	path, content := dumpFile(t)
	r := record(t, map[string]string{
		"GET /_miroir/dumps/import":                         `{"results":[{"job_id":"0123456789abcdef","state":"running","phase":"stream","size_bytes":2048,"received_bytes":1024,"total":{"documents":9}}]}`,
		"GET /_miroir/dumps/import/0123456789abcdef/status": `{"job_id":"0123456789abcdef","state":"failed","rejections":["line 3"],"error":{"message":"no","code":"x"}}`,
		"GET /_miroir/dumps":                                `{"results":[{"uid":"20261125-193812345","size_bytes":3145728}]}`,
		"POST /_miroir/dumps":                               `{"task_uid":391}`,
		"GET /_miroir/tasks/391":                            doneTask,
		"GET /_miroir/dumps/20261125-193812345/content":     string(content),
	})
	to := filepath.Join(t.TempDir(), "out.dump")
	for _, c := range []struct{ command, want string }{
		{"dump analyze " + path, "m      id           2          18 B"}, {"dump status", "1.0 KiB of 2.0 KiB"}, {"dump status", "(none)"},
		{"dump status 0123456789abcdef", "rejected: line 3"}, {"dump list", "3.0 MiB"}, {"dump create", "task 391"},
		{"dump create --file " + to, "20261125-193812345"}, {"dump get 20261125-193812345 --file " + to + "2", ""},
	} {
		code, out, errs := typed(t, r, "", strings.Fields(c.command)...)
		if code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d %q\n%s", c.command, code, errs, out)
		}
	}
	for _, file := range []string{to, to + "2"} {
		got, err := os.ReadFile(file)
		info, _ := os.Stat(file)
		if err != nil || !bytes.Equal(got, content) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v", file, len(got), err)
		}
	}
	if code, out, _ := typed(t, r, "", "dump", "analyze", path, "-o", "json"); code != 0 || strings.Contains(out, "sk-secret") {
		t.Errorf("%d %s", code, out)
	}
	if code, _, _ := typed(t, r, "", "dump", "get", "nope", "--file", to+"3"); code == 0 {
		t.Error("a missing dump was downloaded")
	}
	if left, _ := filepath.Glob(to + "*"); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

// A bar on a terminal shows rate and time left; elsewhere lines do, and --quiet nothing.
func TestF9ProgressIsDrawnOrTold(t *testing.T) {
	var screen bytes.Buffer
	terminal := &tool{stdio: lifecycle.Stdio{Err: &screen}, bars: true}
	b := terminal.newBarFrom("documents", 10, 100, unitDocuments)
	b.set(50)
	b.set(100)
	b.end()
	if s := screen.String(); !strings.Contains(s, "documents") || !strings.Contains(s, "100 / 100") || !strings.Contains(s, "/s") || !strings.Contains(s, "ETA") {
		t.Errorf("%q", s)
	}
	b = terminal.newBar("upload", 100, unitBytes)
	b.set(1)
	b.end() // one that did not come to its end must not wait for it

	var lines bytes.Buffer
	b = (&tool{stdio: lifecycle.Stdio{Err: &lines}}).newBarFrom("documents", 100, 1000, unitDocuments)
	b.began, b.told = b.began.Add(-10*time.Second), b.told.Add(-10*time.Second)
	b.set(600)
	b.set(600)
	b.end()
	if s := lines.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "documents 600 of 1000, ") || !strings.Contains(s, "/s, ETA 8s") {
		t.Errorf("%q", s)
	}
	var nothing bytes.Buffer
	b = (&tool{stdio: lifecycle.Stdio{Err: &nothing}, bars: true, quiet: true}).newBar("x", 10, unitBytes)
	b.told = b.told.Add(-time.Hour)
	b.set(10)
	b.end()
	if nothing.Len() > 0 {
		t.Errorf("%q", nothing.String())
	}
}

func TestAmountsForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 30: "1.0 GiB", 1<<63 - 1: "8.0 EiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
