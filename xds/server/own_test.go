package server

import (
	"net/netip"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/miroir-search/miroir/xds/snapshot"
)

// port acknowledges all that an Envoy gets at first, and gives the port of its listener and the versions of everything.
func (e *envoy) port() (port uint32, have map[string]map[string]string) {
	e.t.Helper()
	e.subscribe(nil)
	have = map[string]map[string]string{}
	for range snapshot.Types() {
		resp := e.recv()
		have[resp.GetTypeUrl()] = map[string]string{}
		for _, r := range resp.GetResources() {
			have[resp.GetTypeUrl()][r.GetName()] = r.GetVersion()
			if resp.GetTypeUrl() == resourcev3.ListenerType {
				var l listenerv3.Listener
				if err := r.GetResource().UnmarshalTo(&l); err != nil {
					e.t.Fatal(err)
				}
				port = l.GetAddress().GetSocketAddress().GetPortValue()
			}
		}
		e.ack(resp)
	}
	return port, have
}

// Several Envoys on one machine each get their own address, and everything else alike; one that comes back has it already.
func TestOwnAddress(t *testing.T) {
	own := map[string]netip.AddrPort{"envoy-1": netip.MustParseAddrPort("127.0.0.1:7799")}
	s := serveOwn(t, own)
	s.publishes(t, config("node-0"), 10)
	for node, want := range map[string]uint32{"envoy-0": 7700, "envoy-1": 7799} {
		e := s.connect(t, node)
		got, have := e.port()
		if got != want {
			t.Errorf("%s listens at port %d, want %d", node, got, want)
		}
		s.waitAcked(t, node, 10)
		e.stop()
		s.wait(t, "its end", func(n map[string]NodeStatus) bool { _, there := n[node]; return !there })
		s.connect(t, node).subscribe(have)
		s.waitAcked(t, node, 10)
	}
	s.publishes(t, config("node-0", "node-1"), 11)
	own["envoy-1"] = netip.AddrPort{}
	if err := s.Publish(config("node-0"), 12); err == nil || s.Revision() != 11 {
		t.Errorf("an Envoy without an address was published: %v, revision %d", err, s.Revision())
	}
}
