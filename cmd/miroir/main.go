// Command miroir holds every process of a cluster; the first argument says which one to be.
package main

import (
	"os"

	"github.com/miroir-search/miroir/coordinator"
	"github.com/miroir-search/miroir/dev"
	"github.com/miroir-search/miroir/gateway"
	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/sidecar"
	"github.com/miroir-search/miroir/xds/drain"
)

func main() {
	run := lifecycle.Dispatch("miroir", "miroir makes several Meilisearch nodes behave as one.",
		lifecycle.Command{Name: "dev", Summary: "a whole cluster on this machine", Run: dev.Run},
		lifecycle.Command{Name: "etcd", Summary: "one etcd member, for development", Run: etcdserver.Run},
		lifecycle.Command{Name: "sidecar", Summary: "the door to one Meilisearch node", Run: sidecar.Run},
		lifecycle.Command{Name: "gateway", Summary: "answers the requests of one Envoy", Run: gateway.Run},
		lifecycle.Command{Name: "coordinator", Summary: "the control plane", Run: coordinator.Run},
		lifecycle.Command{Name: "drain", Summary: "ends the work of one Envoy in order, before its process ends", Run: drain.Run},
		lifecycle.Command{Name: "version", Summary: "what this binary was built from", Run: telemetry.PrintBuild},
	)
	stdio := lifecycle.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	os.Exit(lifecycle.Main("miroir", run, os.Args[1:], stdio))
}
