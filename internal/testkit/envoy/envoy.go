package envoy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/parts"
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
	askInterval  = 20 * time.Millisecond
)

// Process is a running Envoy.
type Process struct {
	admin  string
	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// Start runs Envoy with a bootstrap whose admin listens on the given address, and stops it when the test ends. It does
// not wait until Envoy is ready. The log is shown when the test fails.
func Start(t testing.TB, bootstrap []byte, admin string) *Process {
	t.Helper()
	bin, err := parts.TreeBin()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := parts.Places{Folders: []string{bin}}.Envoy()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bootstrap.yaml")
	if err := os.WriteFile(config, bootstrap, 0o600); err != nil {
		t.Fatal(err)
	}
	logPath := filepath.Join(dir, "envoy.log")
	logFile, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	// Hot restart shares memory between Envoys of one base id, and tests run side by side.
	cmd := exec.Command(binary, "-c", config, "--disable-hot-restart", "--concurrency", "2", "-l", "warning",
		"--drain-time-s", "1", "--parent-shutdown-time-s", "2", "--file-flush-interval-msec", "50",
		"--component-log-level", "http:critical")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		t.Fatal(errors.Join(fmt.Errorf("start envoy: %w", err), logFile.Close()))
	}
	p := &Process{admin: admin, cmd: cmd, exited: make(chan struct{}), log: logPath}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // Stop ends it by a signal; what it had to say is in its log
		_ = logFile.Close()
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("envoy log:\n%s", p.Log())
		}
	})
	return p
}

// Log is what Envoy wrote so far.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Stop ends the process and waits for it.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.exited:
		return
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("stop envoy: %v", err)
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		t.Errorf("envoy did not end within %s", stopTimeout)
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// WaitReady returns when Envoy says that it is ready: it has its first snapshot and listens.
func (p *Process) WaitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	p.WaitAdmin(ctx, t, "/ready", func(status int, _ string) bool { return status == http.StatusOK })
}

// WaitAdmin asks a path of the admin until the answer is as wanted. Envoy offers nothing to be told by, so this asks
// again after a pause; what bounds it is the context.
func (p *Process) WaitAdmin(ctx context.Context, t testing.TB, path string, wanted func(status int, body string) bool) {
	t.Helper()
	ticker := time.NewTicker(askInterval)
	defer ticker.Stop()
	var last string
	for {
		if status, body, err := p.Admin(ctx, http.MethodGet, path); err != nil {
			last = err.Error()
		} else if wanted(status, body) {
			return
		} else {
			last = fmt.Sprintf("%d %s", status, body)
		}
		select {
		case <-ticker.C:
		case <-p.exited:
			t.Fatalf("envoy ended early:\n%s", p.Log())
		case <-ctx.Done():
			t.Fatalf("envoy admin %s: %v; last: %s", path, context.Cause(ctx), last)
		}
	}
}

// AdminURL is where the admin listens.
func (p *Process) AdminURL() string { return "http://" + p.admin }

// Admin asks Envoy's admin once.
func (p *Process) Admin(ctx context.Context, method, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.admin+path, nil)
	if err != nil {
		return 0, "", fmt.Errorf("ask envoy admin: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("ask envoy admin: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return 0, "", fmt.Errorf("read envoy admin: %w", err)
	}
	return resp.StatusCode, string(body), nil
}

// Stat reads one counter or gauge, 0 when Envoy has none of that name.
func (p *Process) Stat(t testing.TB, name string) string {
	t.Helper()
	_, body, err := p.Admin(t.Context(), http.MethodGet, "/stats?usedonly&filter=^"+strings.ReplaceAll(name, ".", "\\.")+"$")
	if err != nil {
		t.Fatal(err)
	}
	_, value, found := strings.Cut(strings.TrimSpace(body), ": ")
	if !found {
		return "0"
	}
	return value
}
