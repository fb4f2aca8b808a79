package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"text/tabwriter"

	"github.com/miroir-search/miroir/dev/launch"
)

// announce says that the cluster is ready and where everything is.
func (c *cluster) announce(out io.Writer) error {
	a := launch.Ready{
		Event: "ready", Ingress: c.ingress(), Admin: c.ports.url("coordinator-admin"), Etcd: c.ports.url("etcd-client"), Nodes: c.nodes(),
		Metrics: c.metrics(),
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
	row("  master key\t%s", c.keyHint())
	row("  admin\t%s\tkey in %s", a.Admin, c.folder.at("admin.key"))
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

// ingress is the URL for clients on this machine. An address that stands for all interfaces is no address to connect to.
func (c *cluster) ingress() string {
	host, port, err := net.SplitHostPort(c.options.listen)
	if err != nil { // it was taken apart before
		return "http://" + c.options.listen
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = loopback
	}
	return "http://" + net.JoinHostPort(host, port)
}
