package devtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// RD-7: documents are read by their ids without an error while first the engine of one of two nodes is killed and then its
// sidecar, from the first moment on; only without any node there is no answer.
func TestDocumentsAreReadFromTheOtherNode(t *testing.T) {
	c := start(t, t.TempDir(), "--no-restart")
	const count = 40
	c.addDocuments(count)
	until(t, "Envoy finds both nodes healthy", func() bool {
		known := c.envoy("/clusters")
		return strings.Count(known, "::health_flags::healthy\n") == strings.Count(known, "::health_flags::") && strings.Contains(known, "node/node-1::")
	})
	read := func(when string) {
		t.Helper()
		for range 3 {
			for id := range count {
				status, answer := c.call(http.MethodGet, fmt.Sprintf("/indexes/books/documents/%d", id), "")
				if status != http.StatusOK || answer["id"] != float64(id) {
					t.Fatalf("%s: document %d: %d %v", when, id, status, answer)
				}
			}
		}
	}
	read("with both nodes")
	for _, name := range []string{"engine-0", "sidecar-0"} {
		if err := syscall.Kill(c.pid(name), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		read("right after the end of " + name)
	}
	until(t, "sidecar-0 ends", func() bool { return c.pid("sidecar-0") == 0 })
	read("without node-0")
	if err := syscall.Kill(c.pid("sidecar-1"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "sidecar-1 ends", func() bool { return c.pid("sidecar-1") == 0 })
	if status, answer := c.call(http.MethodGet, "/indexes/books/documents/1", ""); status != http.StatusServiceUnavailable || answer["code"] != "miroir_shard_unavailable" {
		t.Errorf("without any node: %d %v", status, answer)
	}
}

// envoy asks Envoy's admin interface.
func (c *cluster) envoy(path string) string {
	c.t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.data, "run", "ports.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	var ports map[string]int
	if err := json.Unmarshal(raw, &ports); err != nil {
		c.t.Fatal(err)
	}
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", ports["envoy-admin"], path))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if raw, err = io.ReadAll(response.Body); err != nil {
		c.t.Fatal(err)
	}
	return string(raw)
}
