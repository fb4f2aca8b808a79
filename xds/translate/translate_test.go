package translate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/xds/ir"
)

func valid() ir.Config {
	cfg := ir.Default()
	cfg.Gateway.SocketPaths = []string{"/run/miroir/extproc.sock"}
	cfg.Nodes = []ir.Node{{ID: "node-0", Address: "10.0.0.1:7701"}, {ID: "node-1", Address: "node-1.nodes:7701"}}
	return cfg
}

func TestInvalidConfigIsRefused(t *testing.T) {
	cfg := valid()
	cfg.Ingress.Port = 0
	if _, err := Translate(cfg); !errors.Is(err, ir.ErrInvalid) {
		t.Fatalf("error %v, want ir.ErrInvalid", err)
	}
}

func connectionManager(t *testing.T, cfg ir.Config) *hcmv3.HttpConnectionManager {
	t.Helper()
	res, err := Translate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := &hcmv3.HttpConnectionManager{}
	if err := res.Listeners[0].GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// IN-6: the gateway's absence must never let a request pass.
func TestGatewayFailsClosed(t *testing.T) {
	for _, f := range connectionManager(t, valid()).GetHttpFilters() {
		if f.GetName() != filterGateway {
			continue
		}
		p := &extprocv3.ExternalProcessor{}
		if err := f.GetTypedConfig().UnmarshalTo(p); err != nil {
			t.Fatal(err)
		}
		if p.GetFailureModeAllow() || f.GetIsOptional() || f.GetDisabled() {
			t.Fatal("a request could pass without the gateway")
		}
		if p.GetProcessingMode().GetRequestBodyMode() != extprocv3.ProcessingMode_FULL_DUPLEX_STREAMED {
			t.Fatal("request bodies are not streamed in both directions")
		}
		return
	}
	t.Fatal("no gateway filter")
}

// Only preflights skip the gateway.
func TestOnlyPreflightsSkipTheGateway(t *testing.T) {
	res, err := Translate(valid())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Routes[0].GetVirtualHosts()[0].GetRoutes() {
		packed := r.GetTypedPerFilterConfig()[filterGateway]
		if packed == nil {
			continue
		}
		p := &extprocv3.ExtProcPerRoute{}
		if err := packed.UnmarshalTo(p); err != nil {
			t.Fatal(err)
		}
		if p.GetDisabled() != (r.GetName() == "preflight") {
			t.Errorf("route %s: gateway disabled is %v", r.GetName(), p.GetDisabled())
		}
	}
}

// The sanitize filter comes before everything that reads headers, and the gateway after it.
func TestFilterOrder(t *testing.T) {
	position := map[string]int{}
	filters := connectionManager(t, valid()).GetHttpFilters()
	for i, f := range filters {
		position[f.GetName()] = i
	}
	order := []string{filterGzip, filterSanitize, filterRequestID, filterVary, filterCORS, filterBodyLimit, filterGateway, filterRouter}
	for i := 1; i < len(order); i++ {
		if position[order[i-1]] >= position[order[i]] {
			t.Errorf("%s does not come before %s", order[i-1], order[i])
		}
	}
	if position[filterRouter] != len(filters)-1 {
		t.Error("the router is not last")
	}
}

func TestClusters(t *testing.T) {
	res, err := Translate(valid())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]clusterv3.Cluster_DiscoveryType{}
	for _, c := range res.Clusters {
		kinds[c.GetName()] = c.GetType()
	}
	want := map[string]clusterv3.Cluster_DiscoveryType{
		"admin": clusterv3.Cluster_STATIC, "gateway": clusterv3.Cluster_STATIC,
		"node/node-0": clusterv3.Cluster_STATIC, "node/node-1": clusterv3.Cluster_STRICT_DNS,
	}
	if len(kinds) != len(want) {
		t.Errorf("clusters %v, want %v", kinds, want)
	}
	for name, kind := range want {
		if kinds[name] != kind {
			t.Errorf("cluster %s is %v, want %v", name, kinds[name], kind)
		}
	}
}

// What may be a write is sent again only where nobody got it: one without an answer may have had its effect.
func TestOnlyReadsAreRetried(t *testing.T) {
	res, err := Translate(valid())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Routes[0].GetVirtualHosts()[0].GetRoutes() {
		action, ok := r.GetAction().(*routev3.Route_Route)
		if !ok || action.Route.GetRetryPolicy() == nil {
			continue
		}
		get := len(r.GetMatch().GetHeaders()) == 1 && r.GetMatch().GetHeaders()[0].GetStringMatch().GetExact() == "GET"
		if !get && action.Route.GetRetryPolicy().GetRetryOn() != "connect-failure,refused-stream" {
			t.Errorf("route %s is retried", r.GetName())
		}
	}
}

// The gateway and Envoy speak about the same cluster and the same header.
func TestNamesAgreeWithTheNodeContract(t *testing.T) {
	if got, want := ir.ClusterOfNode("node-7"), nodeapi.ClusterOf("node-7"); got != want {
		t.Errorf("cluster %q, contract %q", got, want)
	}
	if got, want := ir.ClusterOfPair("a", "b"), nodeapi.ClusterOfPair("a", "b"); got != want {
		t.Errorf("pair %q, contract %q", got, want)
	}
	if !strings.EqualFold(ir.HeaderTarget, nodeapi.HeaderTarget) {
		t.Errorf("header %q, contract %q", ir.HeaderTarget, nodeapi.HeaderTarget)
	}
}

// Every leg header of the contract is one that clients cannot send.
func TestLegHeadersAreInternal(t *testing.T) {
	for _, name := range []string{
		nodeapi.HeaderEpoch, nodeapi.HeaderShards, nodeapi.HeaderCount, nodeapi.HeaderPrimaryKey, nodeapi.HeaderDispatch,
		nodeapi.HeaderInternal, nodeapi.HeaderTarget, "X-Miroir-Origin", "Meili-Proxy-Search", "X-Meili-Proxy-Origin-Remote",
		"Meili-Proxy-Import-Remote",
	} {
		if !stripped(name) {
			t.Errorf("%s reaches the inside", name)
		}
	}
}

func TestSizeReadsLikeMeilisearch(t *testing.T) {
	for n, want := range map[uint64]string{3: "3 B", 104857600: "100 MiB", 100000000: "100 MB", 2560 << 10: "2.50 MiB", 1500: "1.50 KB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func stripped(name string) bool {
	name = strings.ToLower(name)
	if slices.Contains(internalHeaders, name) {
		return true
	}
	return slices.ContainsFunc(internalPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
