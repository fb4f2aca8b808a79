package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/freeport"
	"github.com/miroir-search/miroir/internal/parts"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
	askInterval  = 10 * time.Millisecond
	// A free port may be taken between finding and using it.
	startAttempts = 3
)

// Kind names an engine and its version: `meilisearch-1.50`, `engine-1.15`. Lists of known differences are kept by it.
type Kind string

// Options are what a test may choose. The zero value is a node with the master key `masterKeymasterKey` in a
// temporary folder.
type Options struct {
	MasterKey string
	Dir       string // where data is kept; a node started again there continues
	Import    string // dump that an empty node begins with
}

// Node is a running engine.
type Node struct {
	URL       string
	MasterKey string
	Kind      Kind
	Version   string
	Real      bool // a Meilisearch, not the project's own engine
	Dir       string

	cmd    *exec.Cmd
	exited chan struct{}
	log    string
	once   sync.Once
}

// Start runs a node until the test ends or Stop is called.
func Start(t testing.TB, options Options) *Node {
	t.Helper()
	bin, err := parts.TreeBin()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	engine, err := parts.Places{Folders: []string{bin}}.Engine()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	if options.MasterKey == "" {
		options.MasterKey = "masterKeymasterKey"
	}
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	var n *Node
	for attempt := range startAttempts {
		n, err = launch(engine, options)
		if err == nil || attempt == startAttempts-1 {
			break
		}
	}
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	t.Cleanup(func() {
		n.Stop()
		if t.Failed() {
			t.Logf("log of the node at %s:\n%s", n.URL, n.Log())
		}
	})
	return n
}

func launch(engine parts.Engine, options Options) (*Node, error) {
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	logPath := filepath.Join(options.Dir, "node.log")
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(engine.Path,
		"--http-addr", address,
		"--db-path", filepath.Join(options.Dir, "data.ms"),
		"--env", "production",
		"--no-analytics",
		"--dump-dir", filepath.Join(options.Dir, "dumps"),
		"--snapshot-dir", filepath.Join(options.Dir, "snapshots"),
		"--log-level", "ERROR",
	)
	if options.Import != "" {
		cmd.Args = append(cmd.Args, "--import-dump", options.Import)
	}
	cmd.Dir = options.Dir
	cmd.Env = append(os.Environ(), "MEILI_MASTER_KEY="+options.MasterKey,
		// Two thirds of the machine's memory are the default, and to prepare buffers of that size takes longer than small tasks do.
		"MEILI_MAX_INDEXING_MEMORY=256Mb")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", engine.Path, err), logFile.Close())
	}
	n := &Node{
		URL: "http://" + address, MasterKey: options.MasterKey, Real: engine.Real, Dir: options.Dir,
		cmd: cmd, exited: make(chan struct{}), log: logPath,
	}
	go func() {
		defer close(n.exited)
		_ = cmd.Wait() // how it ended is seen by whoever waits for it; what it had to say is in its log
		_ = logFile.Close()
	}()
	if err := n.await(); err != nil {
		n.Stop()
		return nil, fmt.Errorf("%w; its log:\n%s", err, n.Log())
	}
	return n, nil
}

// await returns once the node answers and has said what it is.
func (n *Node) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(askInterval)
	defer tick.Stop()
	for n.get(ctx, "/health", nil) != nil {
		select {
		case <-tick.C:
		case <-n.exited:
			return fmt.Errorf("the node at %s ended before it was ready", n.URL)
		case <-ctx.Done():
			return fmt.Errorf("the node at %s was not ready within %s", n.URL, startTimeout)
		}
	}
	var version struct {
		PkgVersion string `json:"pkgVersion"`
	}
	if err := n.get(ctx, "/version", &version); err != nil {
		return err
	}
	n.Version = version.PkgVersion
	name, minor := "engine", version.PkgVersion
	if n.Real {
		name = "meilisearch"
	}
	if parts := strings.SplitN(version.PkgVersion, ".", 3); len(parts) == 3 {
		minor = parts[0] + "." + parts[1]
	}
	n.Kind = Kind(name + "-" + minor)
	return nil
}

func (n *Node) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+n.MasterKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// Stop ends the node as an operator would, and by force if that does not help. It may be called more than once.
func (n *Node) Stop() {
	n.end(syscall.SIGTERM)
}

// Kill ends the node at once, as a crash does.
func (n *Node) Kill() {
	n.end(syscall.SIGKILL)
}

func (n *Node) end(signal syscall.Signal) {
	n.once.Do(func() {
		_ = n.cmd.Process.Signal(signal) // one that has ended already is what we want
		timer := time.NewTimer(stopTimeout)
		defer timer.Stop()
		select {
		case <-n.exited:
		case <-timer.C:
			_ = n.cmd.Process.Kill()
			<-n.exited
		}
	})
}

// ExitCode is how a node ended that was stopped: 0 in order, -1 by a signal.
func (n *Node) ExitCode() int {
	<-n.exited
	return n.cmd.ProcessState.ExitCode()
}

// Log is what the node wrote so far.
func (n *Node) Log() string {
	raw, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
