package provider

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miroir-search/miroir/internal/freeport"
)

// Deadlines of a local cluster on a busy machine.
const (
	startTime = 90 * time.Second
	stopTime  = 60 * time.Second
)

const masterKey = "masterKeymasterKey"

// Local is a cluster of `miroir dev` on this machine.
type Local struct {
	binary  string
	dir     string
	listen  string
	options Options
	command *exec.Cmd
	exited  chan error
	ready   ready
}

// ready is the line that `miroir dev --output json` prints.
type ready struct {
	Event   string `json:"event"`
	Ingress string `json:"ingress"`
	Etcd    string `json:"etcd"`
	Admin   string `json:"admin"`
	Nodes   []Node `json:"nodes"`

	Envoys       []Envoy       `json:"envoys"`
	Gateways     []string      `json:"gateways"`
	Coordinators []Coordinator `json:"coordinators"`
}

// StartLocal starts a cluster with the project's binary in an empty data folder.
func StartLocal(ctx context.Context, root string, o Options) (*Local, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	dir := o.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "miroir-e2e-"); err != nil {
			return nil, fmt.Errorf("start cluster: %w", err)
		}
	}
	listen, err := freeport.Address()
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	l := &Local{binary: filepath.Join(root, "bin", "miroir"), dir: dir, listen: listen, options: o}
	if _, err := os.Stat(l.binary); err != nil {
		return nil, fmt.Errorf("start cluster: no %s, run `make build tools` first", l.binary)
	}
	return l, l.start(ctx)
}

func (l *Local) start(ctx context.Context) error {
	args := []string{
		"dev", "--data-dir", l.dir, "--listen", l.listen, "--nodes", strconv.Itoa(l.options.Nodes), "--groups",
		strconv.Itoa(l.options.Groups), "--replicas", strconv.Itoa(l.options.Replicas), "--shards", strconv.Itoa(l.options.Shards),
		"--master-key", masterKey, "--output", "json",
	}
	if l.options.StayDown {
		args = append(args, "--no-restart")
	}
	args = append(args, l.options.Flags...)
	l.command = exec.Command(l.binary, args...) //nolint:gosec // the project's own binary
	l.command.Dir = filepath.Dir(filepath.Dir(l.binary))
	log, err := l.openLog()
	if err != nil {
		return fmt.Errorf("start cluster: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own copy
	l.command.Stderr = log
	out, err := l.command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start cluster: %w", err)
	}
	if err := l.command.Start(); err != nil {
		return fmt.Errorf("start cluster: %w", err)
	}
	lines := make(chan string, 1)
	l.exited = make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			default:
			}
		}
		l.exited <- l.command.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case line := <-lines:
		if err := json.Unmarshal([]byte(line), &l.ready); err != nil || l.ready.Event != "ready" {
			return errors.Join(fmt.Errorf("start cluster: unexpected line %q", line), l.Stop())
		}
		return nil
	case err := <-l.exited:
		l.exited <- err
		return fmt.Errorf("start cluster: it ended: %w\n%s", err, l.Log(Supervisor))
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("start cluster: not ready in time: %w", context.Cause(ctx)), l.Stop())
	}
}

// Supervisor is the name of the log of `miroir dev` itself, which tells whose end it has seen.
const Supervisor = "dev"

func (l *Local) openLog() (*os.File, error) {
	path := filepath.Join(l.dir, "log", Supervisor+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// URL implements Cluster.
func (l *Local) URL() string { return l.ready.Ingress }

// MasterKey implements Cluster.
func (l *Local) MasterKey() string { return masterKey }

// Admin implements Cluster.
func (l *Local) Admin() string { return l.ready.Admin }

// AdminKey implements Cluster.
func (l *Local) AdminKey() (string, error) {
	key, err := os.ReadFile(filepath.Join(l.dir, "admin.key"))
	return strings.TrimSpace(string(key)), err
}

// Nodes implements Cluster.
func (l *Local) Nodes() []Node { return l.ready.Nodes }

// Kill implements Cluster.
func (l *Local) Kill(process string) error { return l.Signal(process, syscall.SIGKILL) }

// Signal sends a signal to one process. One that does not run is fs.ErrNotExist.
func (l *Local) Signal(process string, signal syscall.Signal) error {
	pid, err := l.Pid(process)
	if err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return syscall.Kill(pid, signal)
}

// Pid is the number of a process. One that does not run is fs.ErrNotExist.
func (l *Local) Pid(process string) (int, error) { return PidIn(l.dir, process) }

// PidIn is the number of a process of the cluster with this data folder.
func PidIn(dir, process string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "run", process+".pid"))
	if err != nil {
		return 0, fmt.Errorf("pid of %s: %w", process, err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		return 0, fmt.Errorf("pid of %s: %w", process, err)
	}
	return pid, nil
}

// Restart implements Cluster.
func (l *Local) Restart() error {
	if err := l.end(); err != nil {
		return err
	}
	return l.start(context.Background())
}

// Stop implements Cluster.
func (l *Local) Stop() error {
	return errors.Join(l.end(), os.RemoveAll(l.dir))
}

func (l *Local) end() error {
	if l.command == nil || l.command.Process == nil {
		return nil
	}
	_ = l.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-l.exited:
		l.command = nil
		return err
	case <-time.After(stopTime):
		_ = l.command.Process.Kill()
		return errors.New("the cluster did not stop in time")
	}
}
