package serve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/miroir-search/miroir/internal/telemetry"
)

// LO-2: all legs of a request carry its id, and every line about it has it.
func TestLO2RequestsAreFollowed(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Header.Get(telemetry.HeaderRequest)]++
		_, _ = w.Write([]byte(`no answer of an engine`))
	}))
	defer node.Close()
	s := serviceOf(t, []string{node.URL}, [][]int{{0}, {0}}, `{}`, aliases...)
	var out bytes.Buffer
	var err error
	if s.Log, err = telemetry.NewLogger(&out, telemetry.LogOptions{Level: "debug"}); err != nil {
		t.Fatal(err)
	}
	for i, body := range []string{`{"q":"x"}`, `{"queries":[{"indexUid":"a"},{"indexUid":"b"}]}`, `{"federation":{},"queries":[{"indexUid":"a"},{"indexUid":"all"}]}`} {
		path := "/multi-search"
		if i == 0 {
			path = "/indexes/a/search"
		}
		askWith(t, s, "", http.Header{telemetry.HeaderRequest: {"7f00ab12"}}, "POST", path, json.RawMessage(body))
	}
	if len(seen) != 1 || seen["7f00ab12"] < 3 {
		t.Errorf("legs came with %v", seen)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		if !strings.Contains(line, `"request_id":"7f00ab12"`) {
			t.Errorf("a line without the request: %s", line)
		}
	}
	if len(lines) < 6 || !strings.Contains(out.String(), `"path_template":"/multi-search"`) {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}
