// Command miroir-ctl is the operator's tool for a cluster.
package main

import (
	"os"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
)

func main() {
	run := lifecycle.Dispatch("miroir-ctl", "miroir-ctl operates a Miroir cluster.",
		lifecycle.Command{Name: "version", Summary: "what this binary was built from", Run: telemetry.PrintBuild},
	)
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("miroir-ctl", run, os.Args[1:], stdio))
}
