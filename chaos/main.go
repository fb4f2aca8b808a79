package main

import (
	"os"

	"github.com/miroir-search/miroir/chaos/trial"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

func main() {
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("chaos", trial.Command, os.Args[1:], stdio))
}
