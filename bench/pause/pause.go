package pause

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// Rhythm says how a process is paused.
type Rhythm struct {
	For   time.Duration // how long it stands still each time; 0 never
	Every time.Duration // from the begin of one pause to that of the next
}

// Begin pauses a process in a rhythm until end is called, which returns when it runs again for good, with the first error
// of a signal. A process that is gone is an error.
func (r Rhythm) Begin(ctx context.Context, pid int) (end func() error) {
	if r.For <= 0 {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { failed = r.beat(ctx, pid) })
	return func() error {
		cancel()
		wg.Wait()
		return failed
	}
}

func (r Rhythm) beat(ctx context.Context, pid int) (err error) {
	next := time.NewTicker(r.Every)
	defer next.Stop()
	for {
		if err := send(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		wait(ctx, r.For)
		if err := send(pid, syscall.SIGCONT); err != nil {
			return err
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func send(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil {
		return fmt.Errorf("pause process %d: %w", pid, err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
