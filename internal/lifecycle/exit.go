package lifecycle

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Exit codes of every binary. Tools that need more define them from 3 on.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// ErrUsage marks an error that lies in how a command was called.
var ErrUsage = errors.New("usage")

// UsageError says what was wrong with the call of a command.
func UsageError(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}

type usageError struct{ message string }

func (e usageError) Error() string        { return e.message }
func (e usageError) Is(target error) bool { return target == ErrUsage }

// ExitError ends a command with an exit code of its own.
type ExitError struct {
	Code int
	Err  error
}

func (e ExitError) Error() string { return e.Err.Error() }
func (e ExitError) Unwrap() error { return e.Err }

// RunFunc is one command as a library call: mains and tests start it alike.
type RunFunc func(ctx context.Context, args []string, stdio Stdio) error

// Main runs a command under signals, reports its error on one line and returns the process's exit code.
func Main(name string, run RunFunc, args []string, stdio Stdio) int {
	ctx, release := WithSignals(context.Background())
	defer release()
	err := run(ctx, args, stdio)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return ExitOK
	}
	_, _ = fmt.Fprintf(stdio.Err, "%s: %v\n", name, err)
	var coded ExitError
	switch {
	case errors.As(err, &coded):
		return coded.Code
	case errors.Is(err, ErrUsage):
		return ExitUsage
	default:
		return ExitFailure
	}
}

// ParseFlags parses the arguments of a command that takes flags only. Every error is a usage error; help is printed
// to the flag set's output and returned as flag.ErrHelp.
func ParseFlags(flags *flag.FlagSet, args []string) error {
	// The flag package prints its error together with the whole help; here the error is printed once, by Main.
	help := flags.Output()
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	err := flags.Parse(args)
	flags.SetOutput(help)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(help, "Usage of %s:\n", flags.Name())
		flags.PrintDefaults()
		return err
	case err != nil:
		return UsageError("%v", err)
	case flags.NArg() > 0:
		return UsageError("unexpected argument %q", flags.Arg(0))
	}
	return nil
}
