// Command miroir-ctl is the operator's tool for a cluster.
package main

import (
	"os"

	"github.com/miroir-search/miroir/internal/ctl"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

func main() {
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("miroir-ctl", ctl.Run, os.Args[1:], stdio))
}
