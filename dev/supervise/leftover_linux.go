package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// pollSlice is how long one wait for a process lasts before the context is looked at again.
const pollSlice = 100 * time.Millisecond

// endLeftover kills the process and waits until it is gone, if it carries the mark. Any other process is left alone.
func endLeftover(ctx context.Context, pid int, mark string) error {
	// The handle comes first: from here on the number can't come to mean another process.
	handle, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { _ = unix.Close(handle) }()
	if !carries(pid, mark) {
		return nil
	}
	if err := unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill: %w", err)
	}
	for ctx.Err() == nil {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, int(pollSlice.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
		if ready > 0 {
			return nil
		}
	}
	return fmt.Errorf("wait: %w", context.Cause(ctx))
}

// carries tells whether a process was started with the mark in its environment. An unreadable or ended process has
// none.
func carries(pid int, mark string) bool {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	variables := bytes.Split(environment, []byte{0})
	return slices.ContainsFunc(variables, func(v []byte) bool { return string(v) == markVariable+"="+mark })
}
