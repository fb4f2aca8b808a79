//go:build dataplane

package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/testkit/node"
)

const (
	longest = 2 * time.Minute // no wait of a test takes longer than this
	pause   = 5 * time.Millisecond
)

// answer is what came back.
type answer struct {
	status int
	body   string
}

// into reads the body as JSON.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %.300s: %v", a.status, a.body, err)
	}
}

// ask sends a JSON request. An answer that does not come is an error, not the end of the test: the node may be killed.
func ask(t *testing.T, n *node.Node, method, path string, body []byte) (answer, error) {
	t.Helper()
	return askAs(t, n, method, path, "application/json", body)
}

func askAs(t *testing.T, n *node.Node, method, path, contentType string, body []byte) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, n.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+n.MasterKey)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(raw)}, err
}

// must sends a request that is to be answered with the given status.
func must(t *testing.T, n *node.Node, status int, method, path string, body any) answer {
	t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	a, err := ask(t, n, method, path, raw)
	if err != nil || a.status != status {
		t.Fatalf("%s %s: want %d, got %d %.300s, %v", method, path, status, a.status, a.body, err)
	}
	return a
}

// total is the number of tasks that a query of /tasks matches.
func total(t *testing.T, n *node.Node, query string) int {
	t.Helper()
	var list struct{ Total int }
	must(t, n, http.StatusOK, http.MethodGet, "/tasks?limit=0&"+query, nil).into(t, &list)
	return list.Total
}

// eventually waits until done says so.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", longest, what)
		}
	}
}

// settled waits until no task is enqueued or processing.
func settled(t *testing.T, n *node.Node) {
	t.Helper()
	eventually(t, "all tasks are finished", func() bool { return total(t, n, "statuses=enqueued,processing") == 0 })
}

// documents are count documents with ids from first on.
func documents(first, count int) []byte {
	out := bytes.NewBufferString("[")
	for i := range count {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, `{"id":%d,"title":"word%d of document %d","n":%d}`, first+i, i%97, first+i, i%13)
	}
	out.WriteByte(']')
	return out.Bytes()
}
