package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/miroir-search/miroir/dev/launch"
)

// announce says that the cluster is ready and where everything is.
func (c *cluster) announce(out io.Writer) error {
	a := launch.Ready{
		Event: "ready", Ingress: c.ingress(0), Admin: c.ports.url(coordinatorAdmin(0)), Etcd: c.ports.url("etcd-client"), Nodes: c.nodes(),
		Envoys: c.envoys(), Gateways: each(c.options.gateways, gatewayName), Coordinators: c.coordinators(), Metrics: c.metrics(),
	}
	if c.options.output == "json" {
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return fmt.Errorf("announce: %w", err)
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) } // errors surface in Flush
	row("Miroir is ready: %s", a.Ingress)
	row("")
	for _, e := range a.Envoys[1:] {
		row("  %s\t%s", e.Process, e.Ingress)
	}
	row("  master key\t%s", c.keyHint())
	row("  admin\t%s\tkey in %s", a.Admin, c.folder.at("admin.key"))
	for _, o := range a.Coordinators[1:] {
		row("  %s\t%s", o.ID, o.Admin)
	}
	row("  etcd\t%s", a.Etcd)
	row("  logs\t%s", c.folder.at("log"))
	row("")
	row("  node\tgroup\tsidecar\tengine")
	for _, n := range a.Nodes {
		row("  %s\t%d\t%s\t%s", n.ID, n.Group, n.Sidecar, n.Engine)
	}
	row("")
	row("Ctrl-C stops it; the data stays.")
	if err := table.Flush(); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

// keyHint says where the key of clients is, not what it is.
func (c *cluster) keyHint() string {
	if c.options.masterKey != "" {
		return "as given"
	}
	return "in " + c.folder.at("master.key")
}
