// Command miroir holds every process of a cluster; the first argument says which one to be.
package main

import (
	"os"

	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
)

func main() {
	run := lifecycle.Dispatch("miroir", "miroir makes several Meilisearch nodes behave as one.",
		lifecycle.Command{Name: "etcd", Summary: "one etcd member, for development", Run: etcdserver.Run},
		lifecycle.Command{Name: "version", Summary: "what this binary was built from", Run: telemetry.PrintBuild},
	)
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("miroir", run, os.Args[1:], stdio))
}
