//go:build !linux

package supervise

import (
	"context"
	"errors"
	"syscall"
)

// endLeftover refuses to go on while a process of that number runs: without /proc nothing proves that it is ours.
func endLeftover(_ context.Context, pid int, _ string) error {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return errors.New("still runs; end it, or remove the file if it has nothing to do with Miroir")
}
