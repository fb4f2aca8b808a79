package trial

import (
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miroir-search/miroir/chaos/fault"
	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/e2e/provider"
)

// witness knows which processes were ended on purpose, and how far the supervisor's log was read.
type witness struct {
	mu     sync.Mutex
	killed map[int]bool // by number
	read   int          // bytes of the log
}

// Signal implements fault.Target.
func (c *Cluster) Signal(process string, signal syscall.Signal) error {
	pid, err := c.Pid(process)
	if err != nil {
		return err
	}
	if signal == syscall.SIGKILL {
		c.seen.mu.Lock()
		c.seen.killed[pid] = true
		c.seen.mu.Unlock()
	}
	return syscall.Kill(pid, signal)
}

// ended is a line of the supervisor's log that tells the end of a process.
type ended struct {
	Message   string
	Process   string
	PID       int
	Status    string
	Timestamp time.Time
}

// exits lists the processes that have ended since it was asked last, with their times as at has them.
func (c *Cluster) exits(at func(time.Time) int64, events []history.Event) (all []history.Exit) {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	log := c.Log(provider.Supervisor)
	fresh := log[min(c.seen.read, len(log)):]
	fresh = fresh[:strings.LastIndexByte(fresh, '\n')+1]
	c.seen.read += len(fresh)
	for line := range strings.Lines(fresh) {
		var e ended
		if json.Unmarshal([]byte(line), &e) != nil || e.Message != "process ended by itself" {
			continue
		}
		x := history.Exit{Process: e.Process, Status: e.Status, At: at(e.Timestamp)}
		if x.Why = why(x, events); c.seen.killed[e.PID] {
			x.Why = string(fault.Kill)
		}
		all = append(all, x)
	}
	return all
}

// grace is how long after a fault a process may still give up because of it: it waits that long for what it misses.
const grace = 30 * time.Second

// why names the fault that explains the end of a process. Giving up in order, while what it needs can't be reached, is no crash:
// whoever runs it starts it again. And what is not ours ends in its own way when its disk is full: etcd, and the engine, which writes
// to files that it has mapped.
func why(x history.Exit, events []history.Event) string {
	for _, e := range events {
		if x.At < e.Begin || x.At > e.End+int64(grace) {
			continue
		}
		full := e.Kind == string(fault.Full) && e.Process == x.Process && (x.Process == "etcd" || strings.HasPrefix(x.Process, "engine-"))
		if full || x.Status == "exit status 1" && needs(x.Process, e.Process) {
			return e.Kind + " " + e.Process
		}
	}
	return ""
}

// needs says whether a process can not go on or start without what is broken: itself, etcd, its way there, its engine.
func needs(process, broken string) bool {
	number, isSidecar := strings.CutPrefix(process, "sidecar-")
	return broken == process || broken == "etcd" || broken == etcdClient+process || isSidecar && broken == "engine-"+number
}
