package launch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/miroir-search/miroir/dev/supervise"
)

// Ready is the one line that `miroir dev --output json` prints. Its fields only ever grow.
type Ready struct {
	Event   string `json:"event"` // "ready"
	Ingress string `json:"ingress"`
	Admin   string `json:"admin"`
	Etcd    string `json:"etcd"`
	Nodes   []Node `json:"nodes"`
	// Envoys, Gateways (by the name of their process) and Coordinators are all of them, the first included.
	Envoys       []Envoy       `json:"envoys"`
	Gateways     []string      `json:"gateways"`
	Coordinators []Coordinator `json:"coordinators"`
	// Metrics holds the base URL of each process's metrics and health, and of its profiles with --pprof, by the name of
	// the process.
	Metrics map[string]string `json:"metrics"`
}

// Node is one node of a Ready.
type Node struct {
	ID      string `json:"id"`
	Group   int    `json:"group"`
	Sidecar string `json:"sidecar"`
	Engine  string `json:"engine"`
}

// Envoy is one Envoy of a Ready.
type Envoy struct {
	Process string `json:"process"`
	Ingress string `json:"ingress"` // where clients connect
	Admin   string `json:"admin"`   // Envoy's own admin interface
}

// Coordinator is one coordinator of a Ready.
type Coordinator struct {
	ID    string `json:"id"`
	Admin string `json:"admin"`
}

// Config says what to start.
type Config struct {
	Binary string   // bin/miroir
	Flags  []string // of `miroir dev`, without --output
	Env    []string // the whole environment; nil is our own
	Log    io.Writer
}

// Cluster is a running `miroir dev`.
type Cluster struct {
	Ready
	command *exec.Cmd
	ended   chan struct{}
	err     error // once ended
}

// Start starts a cluster and returns when it is ready. A context that ends while it starts stops it.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	command := exec.Command(c.Binary, append([]string{"dev", "--output", "json"}, c.Flags...)...)
	command.Env, command.Stderr = c.Env, c.Log
	// Whoever starts a cluster decides when it ends: a Ctrl-C does not reach it by itself, and it never outlives us.
	command.SysProcAttr = supervise.Attributes()
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	cluster := &Cluster{command: command, ended: make(chan struct{})}
	started, first := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the process is tied to the thread that starts it
		err := command.Start()
		started <- err
		if err == nil {
			cluster.follow(stdout, first)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	select {
	case err = <-first:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("launch: %w", err), cluster.Stop())
	}
	return cluster, nil
}

// follow reads the ready line, and then waits for the end of the process.
func (c *Cluster) follow(stdout io.Reader, first chan<- error) {
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("miroir dev ended before the cluster was ready")
	case err == nil:
		err = json.Unmarshal(line, &c.Ready)
	}
	if err == nil && c.Event != "ready" {
		err = fmt.Errorf("miroir dev said %q instead of being ready", c.Event)
	}
	first <- err
	_, errDrain := io.Copy(io.Discard, lines)
	c.err = errors.Join(errDrain, c.command.Wait())
	close(c.ended)
}

// Pid is the process id of `miroir dev`.
func (c *Cluster) Pid() int { return c.command.Process.Pid }

// Ended is closed when `miroir dev` has ended, for whatever reason.
func (c *Cluster) Ended() <-chan struct{} { return c.ended }

// Stop ends the cluster in order and returns how it went.
func (c *Cluster) Stop() error { return c.end(syscall.SIGTERM) }

// Kill ends `miroir dev` as a crash would. Its error is that of a killed process.
func (c *Cluster) Kill() error { return c.end(syscall.SIGKILL) }

func (c *Cluster) end(signal syscall.Signal) error {
	_ = c.command.Process.Signal(signal) // it may have ended by itself
	<-c.ended
	if c.err != nil {
		return fmt.Errorf("miroir dev: %w", c.err)
	}
	return nil
}
