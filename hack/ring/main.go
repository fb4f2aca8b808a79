package main

import (
	"context"
	"os"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

func main() {
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("ring", run, os.Args[1:], stdio))
}

// run runs the named rings one after the other, all of them even when one fails, and then tells what came of it.
func run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	chosen, err := chooseRings(args)
	if err != nil {
		return err
	}
	var results []result
	for _, r := range chosen {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		results = append(results, r.run(ctx, stdio))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return report(stdio.Out, results)
}
