package publish

import (
	"net/netip"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

func TestIN11ConfigOfAView(t *testing.T) {
	fixed := Fixed{Ingress: netip.MustParseAddrPort("127.0.0.1:7700"), Sockets: []string{"/run/x.sock"}, Admin: []string{"127.0.0.1:7710"}}
	v := &routing.View{Nodes: map[string]routing.Node{
		"node-1": {NodeRecord: routing.NodeRecord{Address: "http://127.0.0.1:7001", State: routing.NodeActive}},
		"node-0": {NodeRecord: routing.NodeRecord{Address: "http://127.0.0.1:7002", State: routing.NodeJoining}},
		"node-2": {NodeRecord: routing.NodeRecord{Address: "http://127.0.0.1:7003", State: routing.NodeRemoved}},
	}}
	c, err := Config(v, fixed)
	if err != nil || c.Validate() != nil {
		t.Fatalf("%v, %v", err, c.Validate())
	}
	if len(c.Nodes) != 2 || c.Nodes[0].ID != "node-0" || c.Nodes[1].Address != "127.0.0.1:7001" || c.Ingress.Port != 7700 {
		t.Fatalf("%+v", c)
	}
	v.Nodes["node-3"] = routing.Node{NodeRecord: routing.NodeRecord{Address: "nonsense", State: routing.NodeActive}}
	if c, err = Config(v, fixed); err == nil || len(c.Nodes) != 2 {
		t.Fatalf("a node without address: %v, %+v", err, c.Nodes)
	}
}
