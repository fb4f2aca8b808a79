package publish

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/xds/ir"
)

// Fixed is the part of the configuration that does not come from the view. It must be the same on all coordinators.
type Fixed struct {
	Ingress netip.AddrPort
	Sockets []string // the Unix sockets of the gateways beside each Envoy
	MaxBody uint64   // bytes of the largest request body; 0 for the default
	Admin   []string // host:port of the admin API of every coordinator, or of a name that stands for all of them
}

// Config is what Envoy does at this view. Nodes whose address cannot be read are left out and named in the error, the
// configuration is valid nevertheless.
func Config(v *routing.View, f Fixed) (ir.Config, error) {
	c := ir.Default()
	c.Ingress.Address, c.Ingress.Port = f.Ingress.Addr().String(), f.Ingress.Port()
	c.Gateway.SocketPaths = f.Sockets
	c.Admin.Addresses = f.Admin
	if f.MaxBody > 0 {
		c.Limits.MaxBodyBytes = f.MaxBody
	}
	var bad []string
	for _, id := range v.AllNodes() {
		address, err := ir.AddressOf(v.Nodes[id].Address)
		if err != nil {
			bad = append(bad, id)
			continue
		}
		c.Nodes = append(c.Nodes, ir.Node{ID: id, Address: address})
	}
	if v.PairsKept() {
		c.Paired = v.AllNodes()
	}
	if len(bad) > 0 {
		return c, fmt.Errorf("nodes without a usable address: %s", strings.Join(bad, ", "))
	}
	return c, nil
}
