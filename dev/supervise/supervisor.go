package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// Process says what to run.
type Process struct {
	Name string // also the name of its pid file and log
	Path string
	Args []string
	Env  []string // the whole environment, apart from the supervisor's mark
}

// Options of a supervisor.
type Options struct {
	RunDir  string // holds NAME.pid while NAME runs
	LogDir  string // holds NAME.log
	Restart bool   // start a child again that ended by itself
	// A child that ended waits First before its next start, then twice as long each time up to Max. One that ran for
	// Settled begins with First again. Zero values get defaults.
	First, Max, Settled time.Duration
	Log                 zerolog.Logger
}

// Supervisor runs children. Create it with New and end it with Close.
type Supervisor struct {
	options Options
	mark    string // prefix of what marks a process as ours
	spawn   spawner

	mu       sync.Mutex
	children []*child
}

// New returns a supervisor without children. It creates its folders.
func New(o Options) (*Supervisor, error) {
	o.First = defaultTo(o.First, 200*time.Millisecond)
	o.Max = defaultTo(o.Max, 10*time.Second)
	o.Settled = defaultTo(o.Settled, 30*time.Second)
	for _, folder := range []string{o.RunDir, o.LogDir} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("supervise: %w", err)
		}
	}
	mark, err := filepath.EvalSymlinks(o.RunDir)
	if err == nil {
		mark, err = filepath.Abs(mark)
	}
	if err != nil {
		return nil, fmt.Errorf("supervise: %w", err)
	}
	return &Supervisor{options: o, mark: mark, spawn: newSpawner()}, nil
}

// Start starts a child. It fails when the program can't be started at all; a child that ends right afterwards is
// restarted like any other.
func (s *Supervisor) Start(p Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.children, func(c *child) bool { return c.process.Name == p.Name }) {
		return fmt.Errorf("start %s: there already is a child of that name", p.Name)
	}
	c := newChild(s, p)
	if err := c.launch(); err != nil {
		return err
	}
	s.children = append(s.children, c)
	go c.run()
	return nil
}

// Stop asks children to end, all at once, and kills those that have not ended after the grace time or when ctx ends.
// It returns when all of them are gone. Names that are no children are ignored.
func (s *Supervisor) Stop(ctx context.Context, grace time.Duration, names ...string) {
	var stopped []*child
	for _, c := range s.list() {
		if slices.Contains(names, c.process.Name) {
			c.stop(syscall.SIGTERM)
			stopped = append(stopped, c)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for _, c := range stopped {
		select {
		case <-c.done:
		case <-ctx.Done():
			s.options.Log.Warn().Str("process", c.process.Name).Msg("process does not end, killing it")
			c.stop(syscall.SIGKILL)
			<-c.done
		}
	}
}

// Close kills whatever still runs and releases the supervisor.
func (s *Supervisor) Close() {
	for _, c := range s.list() {
		c.stop(syscall.SIGKILL)
		<-c.done
	}
	s.spawn.close()
}

// Revive starts every child at once that has ended and waits.
func (s *Supervisor) Revive() {
	for _, c := range s.list() {
		c.wake()
	}
}

// Check returns an error when a child has ended and will not be started again, or has ended more than tolerated times
// without settling. The error tells the end of its log.
func (s *Supervisor) Check(tolerated int) error {
	var errs []error
	for _, c := range s.list() {
		running, exits, last := c.state()
		if exits > tolerated || (!running && exits > 0 && !s.options.Restart) {
			errs = append(errs, fmt.Errorf("%s ended (%s); the end of %s:\n%s", c.process.Name, last, c.logPath(), tail(c.logPath())))
		}
	}
	return errors.Join(errs...)
}

func (s *Supervisor) list() []*child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.children)
}

// tailLines is how much of a log an error shows.
const tailLines = 8

func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }()
	const most = 8 << 10
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	buffer := make([]byte, min(info.Size(), most))
	if _, err := file.ReadAt(buffer, info.Size()-int64(len(buffer))); err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(buffer)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}

func defaultTo(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
