package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// quitTime is what `go test` gets to end its test processes after Ctrl-C.
const quitTime = 20 * time.Second

// test runs the ring's packages and reads what `go test` says of every single test.
func (r ring) test(ctx context.Context, stdio lifecycle.Stdio) (*tally, error) {
	t := newTally(stdio.Out)
	packages, err := r.packages(ctx)
	if err != nil || len(packages) == 0 {
		return t, err
	}
	var stderr bytes.Buffer
	args := append(append([]string{"test", "-json", "-tags=" + r.name}, r.flags...), packages...)
	command := exec.CommandContext(ctx, "go", args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = quitTime
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		return t, fmt.Errorf("go test: %w", err)
	}
	if err := command.Start(); err != nil {
		return t, fmt.Errorf("go test: %w", err)
	}
	readErr := t.read(stdout)
	waitErr := command.Wait()
	var exit *exec.ExitError
	if errors.As(waitErr, &exit) && t.failed() {
		waitErr = nil // the tally already knows what the exit code says
	}
	if waitErr != nil || readErr != nil {
		return t, fmt.Errorf("go test: %w\n%s", errors.Join(waitErr, readErr), stderr.Bytes())
	}
	return t, nil
}

// read takes in events until the stream ends.
func (t *tally) read(in io.Reader) error {
	events := json.NewDecoder(in)
	for {
		var e event
		switch err := events.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read events: %w", err)
		}
		t.add(e)
	}
}
