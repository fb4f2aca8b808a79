package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/shim"
)

// Target is a cluster whose processes can be broken.
type Target interface {
	// Signal sends a signal to a process, by the name of its pid file. One that is not running is fs.ErrNotExist.
	Signal(process string, signal syscall.Signal) error
	// Pid is the number of a process that runs, or ran a moment ago.
	Pid(process string) (int, error)
	// Revive starts all processes that are down.
	Revive() error
	// Disturb changes how a link treats what comes.
	Disturb(link string, mode shim.Mode) error
	// Fill takes all space of a process's disk, or gives it back.
	Fill(process string, full bool) error
	// SetClock sets the clock of a process off.
	SetClock(process string, off time.Duration) error
}

// Clock tells how far the workload is.
type Clock interface {
	// Wait returns when so many requests have ended, or ctx ends.
	Wait(ctx context.Context, requests int)
	Count() int
	// Now is the time since the workload began, in nanoseconds.
	Now() int64
}

// Injector breaks a cluster, and mends it again.
type Injector struct {
	Target Target
	Clock  Clock

	mu     sync.Mutex
	broken map[string]map[*Fault]Kind
	events []history.Event
	errs   []error
}

// Events lists the faults that happened, in the order of their ends.
func (i *Injector) Events() []history.Event { return i.events }

// Run carries faults out, and returns when all of them have ended. When ctx ends everything is mended at once.
func (i *Injector) Run(ctx context.Context, faults []Fault) error {
	i.broken = map[string]map[*Fault]Kind{}
	var running sync.WaitGroup
	for n := range faults {
		f := &faults[n]
		running.Go(func() {
			i.Clock.Wait(ctx, f.At)
			if ctx.Err() != nil {
				return
			}
			began := i.Clock.Now()
			i.begin(f)
			i.hold(ctx, f)
			i.end(f)
			i.happened(history.Event{Kind: string(f.Kind), Process: f.Process, Begin: began, End: i.Clock.Now()})
		})
	}
	running.Wait()
	return errors.Join(i.errs...)
}

func (i *Injector) happened(e history.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.events = append(i.events, e)
}

func (i *Injector) hold(ctx context.Context, f *Fault) {
	most, cancel := context.WithTimeout(ctx, f.AtMost)
	defer cancel()
	if f.AtLeast == 0 {
		i.Clock.Wait(most, i.Clock.Count()+f.For)
		return
	}
	timer := time.NewTimer(f.AtLeast)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (i *Injector) begin(f *Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.broken[f.Process] == nil {
		i.broken[f.Process] = map[*Fault]Kind{}
	}
	i.broken[f.Process][f] = f.Kind
	if mode, ok := f.Kind.mode(); ok {
		i.note(f, i.Target.Disturb(f.Process, mode))
		return
	}
	if off, ok := f.Kind.off(); ok {
		i.note(f, i.Target.SetClock(f.Process, off))
		return
	}
	if f.Kind == Full {
		i.note(f, i.Target.Fill(f.Process, true))
		return
	}
	f.pid, _ = i.Target.Pid(f.Process) // 0 where another fault has killed it
	signal := syscall.SIGKILL
	if f.Kind == Stop {
		signal = syscall.SIGSTOP
	}
	i.note(f, i.Target.Signal(f.Process, signal))
}

// note books an error. A process that another fault has killed already is as broken as it can be.
func (i *Injector) note(f *Fault, err error) {
	if err != nil && !gone(err) {
		i.errs = append(i.errs, fmt.Errorf("%s: %w", f, err))
	}
}

// end mends what a fault broke, unless another one still breaks it.
func (i *Injector) end(f *Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.broken[f.Process], f)
	if _, ok := f.Kind.mode(); ok {
		mode := shim.Open
		for other := range i.broken[f.Process] {
			if m, ok := other.Kind.mode(); ok {
				mode = m // another fault still has it
			}
		}
		i.note(f, i.Target.Disturb(f.Process, mode))
		return
	}
	if _, ok := f.Kind.off(); ok {
		var off time.Duration
		for other := range i.broken[f.Process] {
			if d, ok := other.Kind.off(); ok {
				off = d
			}
		}
		i.note(f, i.Target.SetClock(f.Process, off))
		return
	}
	for _, kind := range i.broken[f.Process] {
		if kind == f.Kind {
			return
		}
	}
	i.note(f, i.mend(f))
}

// reviveTime is how long a process may take to run again.
const reviveTime = 30 * time.Second

// mend makes a process go on, or start again. Others that are down start a little early.
func (i *Injector) mend(f *Fault) error {
	switch f.Kind {
	case Stop:
		return i.Target.Signal(f.Process, syscall.SIGCONT)
	case Full:
		// The process may have given up for want of space.
		return errors.Join(i.Target.Fill(f.Process, false), i.Target.Revive())
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(reviveTime); time.Now().Before(end); <-again.C {
		// Asked again and again: whoever starts it may not have noticed its end yet.
		if err := i.Target.Revive(); err != nil {
			return err
		}
		if pid, err := i.Target.Pid(f.Process); err == nil && pid != f.pid {
			return nil
		}
	}
	return errors.New("it does not start again")
}

func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) }
