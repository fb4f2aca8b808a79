package meili

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// golden is one line of ../shared/golden: what a real Meilisearch 1.50 answered.
type golden struct {
	Request struct {
		Method, Path string
		Body         json.RawMessage
		RawBody      *string
		BodyFile     string
		ContentType  json.RawMessage
	}
	Response struct {
		Status int
		Body   json.RawMessage
	}
	Task json.RawMessage
}

func readGolden(t *testing.T, name string) []golden {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "golden", name)
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("the golden answers are needed beside the project: %v", err)
	}
	defer func() { _ = f.Close() }()
	var list []golden
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var g golden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	if lines.Err() != nil || len(list) == 0 {
		t.Fatal(path, lines.Err())
	}
	return list
}

func (g golden) body() []byte {
	if g.Request.RawBody != nil {
		return []byte(*g.Request.RawBody)
	}
	if g.Request.Body == nil && g.Request.Method != "GET" && g.Request.Method != "DELETE" &&
		!strings.HasPrefix(g.Request.Path, "/tasks/") {
		return []byte{}
	}
	return g.Request.Body
}

func compactJSON(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return b.String()
}

// RT-7: the refusals of the golden files that a gateway makes without asking a node.
func TestGoldenRefusals(t *testing.T) {
	for _, name := range []string{"indexes.jsonl", "documents.jsonl", "settings.jsonl", "tasks.jsonl", "search.jsonl"} {
		for i, g := range readGolden(t, name) {
			path, query, _ := strings.Cut(g.Request.Path, "?")
			addition := strings.HasSuffix(path, "/documents") && g.Request.Method != "GET" && g.Request.Method != "DELETE"
			if addition || g.Response.Status >= 400 && string(g.Response.Body) == "null" {
				continue // the payload is for the cutter, unknown routes are for the table of routes
			}
			ct := "application/json"
			if s := strings.Trim(string(g.Request.ContentType), `"`); s != "" && s != "null" {
				ct = s
			}
			e := refuse(g.Request.Method, path, query, &ct, g.body())
			x := exchange{Method: g.Request.Method, Path: g.Request.Path, Status: g.Response.Status}
			if g.Response.Status >= 400 {
				x.Answer = compactJSON(t, g.Response.Body)
			}
			if e == nil && x.Status >= 400 && foreign(path) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				if e != nil || x.Status >= 400 {
					t.Logf("line %d", i)
				}
				compare(t, x, e)
			})
		}
	}
}

// foreign are routes that other packages answer.
func foreign(path string) bool {
	for _, part := range []string{"facet-search", "similar", "/keys", "/batches"} {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

// RS-6 and the details of settings tasks: every change of the golden file, applied one after the other.
func TestGoldenSettings(t *testing.T) {
	view := map[string]Settings{}
	checked := 0
	for i, g := range readGolden(t, "settings.jsonl") {
		parts := strings.Split(strings.Trim(g.Request.Path, "/"), "/")
		if len(parts) < 3 || parts[2] != "settings" || g.Response.Status >= 400 {
			continue
		}
		uid, sub := parts[1], strings.Join(parts[3:], "")
		s, ok := view[uid]
		if !ok {
			s = DefaultSettings(Split)
		}
		var shown []byte
		if g.Request.Method == "GET" {
			if shown = s.JSON(); sub != "" {
				shown, _ = s.Value(sub)
			}
			checked++
			if want := compactJSON(t, g.Response.Body); string(shown) != want {
				t.Errorf("line %d: GET %s shows\n%s\nwant\n%s", i, g.Request.Path, shown, want)
			}
			continue
		}
		p, e := patchOf(g, sub)
		if e != nil {
			t.Errorf("line %d: %v", i, e)
			continue
		}
		var task struct{ Details json.RawMessage }
		if err := json.Unmarshal(g.Task, &task); err != nil {
			t.Fatal(err)
		}
		checked++
		if want := compactJSON(t, task.Details); string(p.Details()) != want {
			t.Errorf("line %d: details are\n%s\nwant\n%s", i, p.Details(), want)
		}
		if view[uid], e = s.Apply(p); e != nil {
			t.Errorf("line %d: %v", i, e)
		}
	}
	if checked < 50 {
		t.Errorf("only %d answers checked", checked)
	}
}

func patchOf(g golden, sub string) (Patch, *apierr.Error) {
	switch {
	case g.Request.Method == "DELETE" && sub == "":
		return ResetSettings(), nil
	case g.Request.Method == "DELETE":
		return ResetSetting(sub), nil
	case sub == "":
		return ParseSettings(g.body(), nil)
	}
	return ParseSetting(sub, g.body(), nil)
}

// TK-3: tasks print as Meilisearch prints them.
func TestGoldenTasks(t *testing.T) {
	checked := 0
	for _, name := range []string{"indexes.jsonl", "documents.jsonl", "settings.jsonl", "tasks.jsonl", "search.jsonl"} {
		for i, g := range readGolden(t, name) {
			if len(g.Task) > 0 {
				checkTask(t, name, i, g.Task)
				checkSummary(t, name, i, g.Response.Body)
				checked++
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d tasks checked", checked)
	}
}

func checkTask(t *testing.T, name string, line int, raw json.RawMessage) {
	t.Helper()
	var in struct {
		UID        uint32          `json:"uid"`
		BatchUID   *uint32         `json:"batchUid"`
		IndexUID   *string         `json:"indexUid"`
		Status     string          `json:"status"`
		Type       string          `json:"type"`
		CanceledBy *uint32         `json:"canceledBy"`
		Details    json.RawMessage `json:"details"`
		Error      *apierr.Error   `json:"error"`
		EnqueuedAt time.Time       `json:"enqueuedAt"`
		StartedAt  *time.Time      `json:"startedAt"`
		FinishedAt *time.Time      `json:"finishedAt"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	out, err := rawjson.Marshal(Task{
		UID: in.UID, BatchUID: in.BatchUID, IndexUID: in.IndexUID, Status: in.Status, Type: in.Type, CanceledBy: in.CanceledBy,
		Details: in.Details, Error: in.Error, EnqueuedAt: in.EnqueuedAt, StartedAt: in.StartedAt, FinishedAt: in.FinishedAt,
	})
	if want := compactJSON(t, raw); err != nil || string(out) != want {
		t.Errorf("%s line %d prints\n%s\nwant\n%s", name, line, out, want)
	}
}

func checkSummary(t *testing.T, name string, line int, raw json.RawMessage) {
	t.Helper()
	var in struct {
		TaskUID    uint32    `json:"taskUid"`
		IndexUID   *string   `json:"indexUid"`
		Status     string    `json:"status"`
		Type       string    `json:"type"`
		EnqueuedAt time.Time `json:"enqueuedAt"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	out, err := rawjson.Marshal(SummarizedTask{TaskUID: in.TaskUID, IndexUID: in.IndexUID, Status: in.Status, Type: in.Type, EnqueuedAt: in.EnqueuedAt})
	if want := compactJSON(t, raw); err != nil || string(out) != want {
		t.Errorf("%s line %d answers\n%s\nwant\n%s", name, line, out, want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "PT0S", time.Second: "PT1S", 8120430: "PT0.008120430S", 32218770: "PT0.032218770S", 1500 * time.Millisecond: "PT1.500S",
		1234 * time.Microsecond: "PT0.001234S", 24 * time.Hour: "P1D", 25*time.Hour + 1: "P1DT3600.000000001S", -5: "PT0S",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}
