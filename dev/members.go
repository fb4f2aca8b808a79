package dev

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/freeport"
)

// Names of processes and of ports. The first Envoy and the ports of the first coordinator are named without a number, as
// they were when there was one of each.

// metricsPort ends the purpose of a port for metrics; what stands before it is the process.
const metricsPort = "-metrics"

func sidecarName(i int) string     { return "sidecar-" + strconv.Itoa(i) }
func engineName(i int) string      { return "engine-" + strconv.Itoa(i) }
func gatewayName(i int) string     { return "gateway-" + strconv.Itoa(i) }
func coordinatorName(i int) string { return "coordinator-" + strconv.Itoa(i) }
func envoyName(i int) string       { return firstBare("envoy", i) }

// envoyID is the name under which an Envoy is known to coordinators.
func envoyID(i int) string { return "envoy-" + strconv.Itoa(i) }

func coordinatorAdmin(i int) string { return firstBare("coordinator", i) + "-admin" }
func coordinatorXDS(i int) string   { return firstBare("coordinator", i) + "-xds" }
func envoyAdmin(i int) string       { return firstBare("envoy", i) + "-admin" }
func envoyIngress(i int) string     { return envoyName(i) + "-ingress" }

func firstBare(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(i)
}

// each calls name for the numbers below count.
func each(count int, name func(i int) string) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = name(i)
	}
	return all
}

// purposes lists what needs a port.
func purposes(o options) []string {
	all := []string{"etcd-client", "etcd-peer"}
	for i := range o.coordinators {
		all = append(all, coordinatorAdmin(i), coordinatorXDS(i), coordinatorName(i)+metricsPort)
	}
	for i := range o.gateways {
		all = append(all, gatewayName(i)+metricsPort)
	}
	for i := range o.envoys {
		all = append(all, envoyAdmin(i))
		if i > 0 {
			all = append(all, envoyIngress(i))
		}
	}
	for i := range o.nodes {
		all = append(all, engineName(i), sidecarName(i), sidecarName(i)+metricsPort)
	}
	return all
}

// listen is where an Envoy serves clients: the first at the address that was asked for, the others beside it at ports of
// their own.
func (c *cluster) listen(i int) string {
	host, _, err := net.SplitHostPort(c.options.listen)
	if i == 0 || err != nil { // it was taken apart before
		return c.options.listen
	}
	return net.JoinHostPort(host, strconv.Itoa(c.ports[envoyIngress(i)]))
}

// ingress is the URL of an Envoy for clients on this machine. An address that stands for all interfaces is no address to
// connect to.
func (c *cluster) ingress(i int) string {
	host, port, err := net.SplitHostPort(c.listen(i))
	if err != nil {
		return "http://" + c.listen(i)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = freeport.Loopback
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (c *cluster) envoys() []launch.Envoy {
	all := make([]launch.Envoy, c.options.envoys)
	for i := range all {
		all[i] = launch.Envoy{Process: envoyName(i), Ingress: c.ingress(i), Admin: c.ports.url(envoyAdmin(i))}
	}
	return all
}

func (c *cluster) coordinators() []launch.Coordinator {
	all := make([]launch.Coordinator, c.options.coordinators)
	for i := range all {
		all[i] = launch.Coordinator{ID: coordinatorName(i), Admin: c.ports.url(coordinatorAdmin(i))}
	}
	return all
}

// maxSocketPath is what a Unix socket's address holds, on the smallest of systems.
const maxSocketPath = 100

// socket is where Envoys meet a gateway.
func (c *cluster) socket(i int) string {
	path := c.folder.at("run", firstBare("extproc", i)+".sock")
	if len(path) <= maxSocketPath {
		return path
	}
	// Ports are this cluster's alone while it runs, so the name is too.
	return filepath.Join(os.TempDir(), fmt.Sprintf("miroir-%d.sock", c.ports[gatewayName(i)+metricsPort]))
}

func (c *cluster) bootstrapPath(i int) string { return c.folder.at("run", envoyName(i)+".yaml") }
