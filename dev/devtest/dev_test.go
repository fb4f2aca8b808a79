package devtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/parts"
)

const masterKey = "masterKeymasterKey"

// patience bounds every wait of these tests; no wait is expected to last nearly as long.
const patience = 2 * time.Minute

// cluster is a `miroir dev` of two nodes that hold everything twice.
type cluster struct {
	*launch.Cluster
	t    *testing.T
	data string
}

func start(t *testing.T, data string, flags ...string) *cluster {
	t.Helper()
	bin, err := parts.TreeBin()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	flags = append([]string{"--data-dir", data, "--listen", "127.0.0.1:0", "--nodes", "2", "--shards", "4"}, flags...)
	c, err := launch.Start(t.Context(), launch.Config{
		Binary: filepath.Join(bin, "miroir"), Flags: flags, Env: append(os.Environ(), "MIROIR_MASTER_KEY="+masterKey), Log: &log,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Cleanup(func() { _ = c.Kill() })
	return &cluster{Cluster: c, t: t, data: data}
}

// pid reads a pid file; 0 when there is none.
func (c *cluster) pid(name string) int {
	c.t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.data, "run", name+".pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

func (c *cluster) pids() []int {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.data, "run", "*.pid"))
	if err != nil {
		c.t.Fatal(err)
	}
	var all []int
	for _, f := range files {
		all = append(all, c.pid(strings.TrimSuffix(filepath.Base(f), ".pid")))
	}
	return all
}

// until waits for a condition that no event tells of.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-late.C:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// call sends a request through the ingress and reads the answer; its status is 0 where none comes.
func (c *cluster) call(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	status, raw := c.text(method, path, body)
	if status == 0 {
		return 0, nil
	}
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		c.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	return status, answer
}

// text is call without a look at the answer.
func (c *cluster) text(method, path, body string) (int, []byte) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.Ingress+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+masterKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, raw
}

func (c *cluster) addDocuments(count int) {
	c.t.Helper()
	documents := make([]string, count)
	for i := range documents {
		documents[i] = fmt.Sprintf(`{"id":%d,"title":"document %d"}`, i, i)
	}
	c.change(http.MethodPost, "/indexes/books/documents", "["+strings.Join(documents, ",")+"]")
}

// change sends a request that makes a task, and waits for the task.
func (c *cluster) change(method, path, body string) {
	c.t.Helper()
	status, task := c.call(method, path, body)
	if status != http.StatusAccepted {
		c.t.Fatalf("%s %s: %d %v", method, path, status, task)
	}
	until(c.t, "task", func() bool {
		_, state := c.call(http.MethodGet, fmt.Sprintf("/tasks/%v", task["taskUid"]), "")
		if state["status"] == "failed" {
			c.t.Fatalf("%s %s: %v", method, path, state)
		}
		return state["status"] == "succeeded"
	})
}

// finds tells whether a search finds that many documents.
func (c *cluster) finds(count int) bool {
	status, answer := c.call(http.MethodPost, "/indexes/books/search", `{"q":"document","hitsPerPage":1}`)
	return status == http.StatusOK && answer["totalHits"] == float64(count)
}

func TestClusterServesHealsAndStops(t *testing.T) {
	c := start(t, t.TempDir())
	if len(c.Nodes) != 2 || c.Nodes[1].ID != "node-1" || c.Admin == "" || c.Etcd == "" {
		t.Fatalf("ready line: %+v", c.Ready)
	}
	if pids := c.pids(); len(pids) != 8 || slices.ContainsFunc(pids, gone) {
		t.Fatalf("processes: %v", pids)
	}
	c.addDocuments(40)
	if !c.finds(40) {
		t.Fatal("the documents are not found")
	}
	for _, name := range []string{"engine-0", "sidecar-1", "gateway-0", "envoy", "coordinator-0", "etcd"} {
		before := c.pid(name)
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		until(t, name+" restarts", func() bool { now := c.pid(name); return now != 0 && now != before })
	}
	until(t, "search after the restarts", func() bool { return c.finds(40) })

	pids := c.pids()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(pids, func(pid int) bool { return !gone(pid) }); i >= 0 {
		t.Errorf("process %d outlives the cluster", pids[i])
	}
	if left := c.pids(); len(left) != 0 {
		t.Errorf("pid files left: %v", left)
	}
}

func TestClusterComesBackAfterACrashWithItsData(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	first.addDocuments(25)
	pids := first.pids()
	if err := first.Kill(); err == nil {
		t.Fatal("a killed process ended well")
	}
	for _, pid := range pids {
		until(t, "end of children", func() bool { return gone(pid) })
	}
	second := start(t, data)
	until(t, "documents after the crash", func() bool { return second.finds(25) })
	if second.Etcd != first.Etcd {
		t.Errorf("etcd moved from %s to %s", first.Etcd, second.Etcd)
	}
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutRestartsANodeStaysDownUntilRevived(t *testing.T) {
	c := start(t, t.TempDir(), "--no-restart")
	c.addDocuments(10)
	if err := syscall.Kill(c.pid("engine-0"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "engine-0 ends", func() bool { return c.pid("engine-0") == 0 })
	until(t, "search with one node", func() bool { return c.finds(10) })
	if c.pid("engine-0") != 0 {
		t.Fatal("engine-0 was restarted")
	}
	if err := syscall.Kill(c.Pid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	until(t, "engine-0 returns", func() bool { return c.pid("engine-0") != 0 })
}

func TestBusyAddressAndBusyFolderEndWithOneError(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	bin, err := parts.TreeBin()
	if err != nil {
		t.Fatal(err)
	}
	for want, flags := range map[string][]string{
		"is in use by another process": {"--data-dir", t.TempDir(), "--listen", strings.TrimPrefix(c.Ingress, "http://")},
		"another miroir dev uses it":   {"--data-dir", data, "--listen", "127.0.0.1:0"},
	} {
		var stderr bytes.Buffer
		command := exec.CommandContext(t.Context(), filepath.Join(bin, "miroir"), append([]string{"dev"}, flags...)...)
		command.Stderr = &stderr
		err := command.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%v: %v, stderr %q", flags, err, stderr.String())
		}
	}
}

// TestDemo runs what `make demo` runs, up to the point where it would wait for Ctrl-C.
func TestDemo(t *testing.T) {
	bin, err := parts.TreeBin()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "run", "./dev/demo", "--once", "--listen", "127.0.0.1:0")
	command.Dir = filepath.Dir(bin)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, part := range []string{"searchable 171075 of 171075", "Lisbon", "Reykjav", "answered by node-"} {
		if !strings.Contains(string(output), part) {
			t.Errorf("%q is not shown:\n%s", part, output)
		}
	}
}
