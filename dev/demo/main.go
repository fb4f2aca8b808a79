package main

import (
	"context"
	"errors"
	"flag"
	"os"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

func main() {
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("demo", run, os.Args[1:], stdio))
}

func run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stdio.Err)
	d := demo{out: stdio.Out, log: stdio.Err}
	flags.StringVar(&d.listen, "listen", "127.0.0.1:7700", "address of the cluster")
	flags.BoolVar(&d.once, "once", false, "end after the searches instead of waiting for Ctrl-C")
	if err := lifecycle.ParseFlags(flags, args); err != nil {
		return err
	}
	err := d.show(ctx)
	var signal lifecycle.SignalError
	if errors.As(context.Cause(ctx), &signal) {
		return nil // Ctrl-C is how the demo ends, wherever it is
	}
	return err
}
