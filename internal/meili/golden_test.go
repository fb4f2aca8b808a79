package meili

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

// exchange is one recorded request with what a real Meilisearch answered.
type exchange struct {
	Request struct {
		Method  string          `json:"method"`
		Path    string          `json:"path"`
		Body    json.RawMessage `json:"body"`
		RawBody *string         `json:"rawBody"`
	} `json:"request"`
	Response struct {
		Status int             `json:"status"`
		Body   json.RawMessage `json:"body"`
	} `json:"response"`
	Task *struct {
		Details json.RawMessage `json:"details"`
	} `json:"task"`
}

func (x exchange) body() []byte {
	if x.Request.RawBody != nil {
		return []byte(*x.Request.RawBody)
	}
	return x.Request.Body
}

func golden(t *testing.T, name string) []exchange {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "golden", name)
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("the recorded answers are missing, they stand beside the project in ../shared: %v", err)
	}
	defer func() { _ = f.Close() }()
	var list []exchange
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var x exchange
		if err := json.Unmarshal(s.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// RT-7: bodies and parameters that are refused are refused in Meilisearch's words.
func TestRT7RefusalsAsRecorded(t *testing.T) {
	checked := 0
	for _, file := range []string{"indexes.jsonl", "tasks.jsonl"} {
		for _, x := range golden(t, file) {
			path, query, _ := strings.Cut(x.Request.Path, "?")
			var e *apierr.Error
			switch {
			case x.Response.Status != 400:
				continue
			case x.Request.Method == "POST" && path == "/indexes":
				_, e = ParseIndexCreation(x.body())
			case x.Request.Method == "PATCH" && strings.HasPrefix(path, "/indexes/"):
				_, e = ParseIndexUpdate(x.body())
			case x.Request.Method == "POST" && path == "/swap-indexes":
				_, e = ParseSwaps(x.body())
			case x.Request.Method == "GET" && path == "/indexes":
				_, e = ParsePage(query, "invalid_index_offset", "invalid_index_limit")
			case x.Request.Method == "GET" && path == "/tasks":
				_, e = ParseTaskQuery(query)
			case x.Request.Method == "GET" && strings.HasPrefix(path, "/tasks/"):
				_, e = ParseTaskUID(strings.TrimPrefix(path, "/tasks/"))
			default:
				continue
			}
			checked++
			if e == nil || !sameJSON(t, e.JSON(), x.Response.Body) {
				t.Errorf("%s %s: %v, want %s", x.Request.Method, x.Request.Path, e, x.Response.Body)
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d recorded refusals were checked", checked)
	}
}

// RS-6: a settings task shows the change as Meilisearch does.
func TestRS6SettingsTaskDetailsAsRecorded(t *testing.T) {
	checked := 0
	for _, x := range golden(t, "settings.jsonl") {
		path, _, _ := strings.Cut(x.Request.Path, "?")
		_, route, ok := strings.Cut(path, "/settings")
		if !ok || x.Task == nil || x.Request.Method == "GET" {
			continue
		}
		var body []byte
		if x.Request.Method != "DELETE" {
			body = x.body()
		}
		checked++
		got := PatchOf(strings.TrimPrefix(route, "/"), body).Details()
		if !sameJSON(t, got, x.Task.Details) {
			t.Errorf("%s %s: %s, want %s", x.Request.Method, x.Request.Path, got, x.Task.Details)
		}
	}
	if checked < 15 {
		t.Errorf("only %d recorded tasks were checked", checked)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}
