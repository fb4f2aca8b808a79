package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// markVariable is the environment variable that tells which supervisor a process belongs to.
const markVariable = "MIROIR_SUPERVISED"

// maxLog is the size at which a log is set aside (as NAME.log.1) when its process starts.
const maxLog = 64 << 20

// errStopped says that a child was to start after it was told to stop.
var errStopped = errors.New("it was told to stop")

// child is one process and what became of it. Its own goroutine (run) is the only one that waits for the process.
type child struct {
	owner   *Supervisor
	process Process
	revive  chan struct{} // capacity 1
	done    chan struct{} // closed when the child has ended for good

	mu       sync.Mutex
	command  *exec.Cmd // nil while nothing runs
	stopping chan struct{}
	stopped  bool
	exits    int // since it last settled
	last     string
}

func newChild(s *Supervisor, p Process) *child {
	return &child{owner: s, process: p, revive: make(chan struct{}, 1), done: make(chan struct{}), stopping: make(chan struct{})}
}

func (c *child) pidPath() string {
	return filepath.Join(c.owner.options.RunDir, c.process.Name+".pid")
}

func (c *child) logPath() string {
	return filepath.Join(c.owner.options.LogDir, c.process.Name+".log")
}

// launch starts the process and writes its pid file.
func (c *child) launch() error {
	log, err := c.openLog()
	if err != nil {
		return fmt.Errorf("start %s: %w", c.process.Name, err)
	}
	defer func() { _ = log.Close() }() // the process has its own copy
	command := exec.Command(c.process.Path, c.process.Args...)
	command.Env = append(c.process.Env[:len(c.process.Env):len(c.process.Env)], markVariable+"="+c.owner.markOf(c.process.Name))
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = Attributes()

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return fmt.Errorf("start %s: %w", c.process.Name, errStopped)
	}
	if err := c.owner.spawn.start(command); err != nil {
		return fmt.Errorf("start %s: %w", c.process.Name, err)
	}
	c.command = command
	if err := writePid(c.pidPath(), command.Process.Pid); err != nil {
		// Without its pid file the process could not be found again, so it must not live.
		_ = command.Process.Kill()
		_ = command.Wait()
		c.command = nil
		return fmt.Errorf("start %s: %w", c.process.Name, err)
	}
	return nil
}

// run waits for the process and starts it again for as long as it should run.
func (c *child) run() {
	defer close(c.done)
	o := c.owner.options
	backoff := o.First
	for {
		if command := c.current(); command != nil {
			began := time.Now()
			err := command.Wait()
			settled := time.Since(began) >= o.Settled
			if settled {
				backoff = o.First
			}
			if c.ended(err, settled) {
				return
			}
		}
		if !c.pause(backoff) {
			return
		}
		backoff = min(2*backoff, o.Max)
		if err := c.launch(); err != nil && !errors.Is(err, errStopped) {
			c.note(err)
			o.Log.Error().Err(err).Str("process", c.process.Name).Msg("process does not start")
		}
	}
}

// ended books the end of the process and tells whether it is the last one.
func (c *child) ended(err error, settled bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid := c.command.Process.Pid
	c.command = nil
	_ = os.Remove(c.pidPath())
	if c.stopped {
		return true
	}
	if settled {
		c.exits = 0
	}
	c.exits++
	c.last = "exit status 0"
	if err != nil {
		c.last = err.Error()
	}
	c.owner.options.Log.Warn().Str("process", c.process.Name).Int("pid", pid).Str("status", c.last).Msg("process ended by itself")
	return false
}

// note books a start that failed.
func (c *child) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits++
	c.last = err.Error()
}

// pause waits until the next start is due; false means never.
func (c *child) pause(backoff time.Duration) bool {
	var due <-chan time.Time
	if c.owner.options.Restart {
		timer := time.NewTimer(backoff)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return true
	case <-c.revive:
		return true
	case <-c.stopping:
		return false
	}
}

// stop sends a signal and sees to it that the process is not started again.
func (c *child) stop(signal syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.stopped = true
		close(c.stopping)
	}
	if c.command != nil {
		_ = c.command.Process.Signal(signal) // it may just have ended
	}
}

func (c *child) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.command != nil {
		return
	}
	select {
	case c.revive <- struct{}{}:
	default:
	}
}

func (c *child) current() *exec.Cmd {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.command
}

func (c *child) state() (running bool, exits int, last string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.command != nil, c.exits, c.last
}

func (c *child) openLog() (*os.File, error) {
	path := c.logPath()
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}
