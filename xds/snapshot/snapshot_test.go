package snapshot

import (
	"errors"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/translate"
)

func resources(t *testing.T, nodes ...string) translate.Resources {
	t.Helper()
	cfg := ir.Default()
	cfg.Gateway.SocketPaths = []string{"/run/miroir/extproc.sock"}
	cfg.Admin.Addresses = []string{"127.0.0.1:7710"}
	for _, id := range nodes {
		cfg.Nodes = append(cfg.Nodes, ir.Node{ID: id, Address: "127.0.0.1:7701"})
		cfg.Paired = append(cfg.Paired, id)
	}
	res, err := translate.Translate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func build(t *testing.T, revision int64, nodes ...string) *Snapshot {
	t.Helper()
	s, err := Build(resources(t, nodes...), revision)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// IN-11: the version of a snapshot is the revision it was derived from.
func TestVersionIsTheRevision(t *testing.T) {
	s := build(t, 42, "node-0")
	for _, typeURL := range Types() {
		if got := s.Cached().GetVersion(typeURL); got != "42" {
			t.Errorf("version of %s is %q", typeURL, got)
		}
	}
	if n, err := ParseVersion(s.Version()); err != nil || n != 42 {
		t.Errorf("ParseVersion = %d, %v", n, err)
	}
	if _, err := ParseVersion("x"); err == nil {
		t.Error("a version that is no revision was read")
	}
}

// IN-11: two coordinators derive the same resources from the same revision, and a revision that changes one node
// changes no other resource.
func TestContentDecidesTheVersionOfAResource(t *testing.T) {
	a, b, c := build(t, 1, "node-0", "node-1"), build(t, 2, "node-1", "node-0"), build(t, 3, "node-0")
	for _, typeURL := range Types() {
		if !a.SameContent(b, typeURL) {
			t.Errorf("%s differs though the configuration is the same", typeURL)
		}
	}
	if a.SameContent(c, resourcev3.ClusterType) || !a.SameContent(c, resourcev3.ListenerType) || !a.SameContent(c, resourcev3.RouteType) {
		t.Error("removing a node changes the clusters and nothing else")
	}
}

func without(list []*clusterv3.Cluster, name string) []*clusterv3.Cluster {
	var out []*clusterv3.Cluster
	for _, c := range list {
		if c.GetName() != name {
			out = append(out, c)
		}
	}
	return out
}

// Never 6: every name that a listener or a route leads to must exist, also inside packed filter settings.
func TestCheck(t *testing.T) {
	cases := map[string]struct {
		change func(*translate.Resources)
		want   string
	}{
		"route leads nowhere":  {func(r *translate.Resources) { r.Clusters = without(r.Clusters, ir.ClusterAdmin) }, `"admin" is named`},
		"filter leads nowhere": {func(r *translate.Resources) { r.Clusters = without(r.Clusters, ir.ClusterGateway) }, `"gateway" is named`},
		"made of nothing": {func(r *translate.Resources) {
			r.Clusters = without(r.Clusters, ir.ClusterOfNode("node-0"))
		}, `made of "node/node-0"`},
		"no route table": {func(r *translate.Resources) { r.Routes = nil }, `route table "ingress" is named`},
		"unused route table": {func(r *translate.Resources) {
			r.Routes = append(r.Routes, &routev3.RouteConfiguration{Name: "other"})
		}, "used by no listener"},
		"no listener":   {func(r *translate.Resources) { r.Listeners, r.Routes = nil, nil }, "no listener"},
		"cluster twice": {func(r *translate.Resources) { r.Clusters = append(r.Clusters, r.Clusters[0]) }, "exists twice"},
		"no name":       {func(r *translate.Resources) { r.Clusters = append(r.Clusters, &clusterv3.Cluster{}) }, "without a name"},
		"not valid": {func(r *translate.Resources) {
			r.Listeners = append(r.Listeners, &listenerv3.Listener{Name: "x", ListenerFilters: []*listenerv3.ListenerFilter{{}}})
		}, `listener "x"`},
		"waits for endpoints": {func(r *translate.Resources) {
			r.Clusters = append(r.Clusters, &clusterv3.Cluster{
				Name: "x", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			})
		}, "waits for endpoints"},
		"unreadable settings": {func(r *translate.Resources) {
			r.Routes[0].TypedPerFilterConfig = map[string]*anypb.Any{"x": {TypeUrl: "type.googleapis.com/none"}}
		}, "settings of type"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			res := resources(t, "node-0", "node-1")
			c.change(&res)
			_, err := Build(res, 1)
			if !errors.Is(err, ErrInconsistent) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := Build(resources(t), 0); !errors.Is(err, ErrInconsistent) {
		t.Errorf("revision 0: error %v", err)
	}
}

func TestKeeperKeepsTheLastGood(t *testing.T) {
	k := &Keeper{}
	if k.Current() != nil {
		t.Fatal("a new keeper has a snapshot")
	}
	offer := func(s *Snapshot, fresh bool, want error) {
		t.Helper()
		got, err := k.Offer(s)
		if got != fresh || !errors.Is(err, want) {
			t.Errorf("Offer(%d) = %v, %v; want %v, %v", s.Revision(), got, err, fresh, want)
		}
	}
	first := build(t, 5, "node-0")
	offer(first, true, nil)
	offer(build(t, 5, "node-0"), false, nil)
	offer(build(t, 5, "node-0", "node-1"), false, ErrReused)
	offer(build(t, 4, "node-0"), false, ErrStale)
	if k.Current() != first {
		t.Error("a refused snapshot replaced the good one")
	}
	next := build(t, 6, "node-1")
	offer(next, true, nil)
	if k.Current() != next {
		t.Error("the new snapshot is not the current one")
	}
}

// Never 6, make before break: a cluster goes only after nothing leads to it any more.
func TestClusterInUseIsNotTakenAway(t *testing.T) {
	k := &Keeper{}
	if _, err := k.Offer(build(t, 1)); err != nil {
		t.Fatal(err)
	}
	res := resources(t)
	res.Clusters = without(res.Clusters, ir.ClusterAdmin)
	for _, r := range res.Routes[0].GetVirtualHosts()[0].GetRoutes() {
		if a := r.GetRoute(); a.GetCluster() == ir.ClusterAdmin {
			a.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: ir.ClusterGateway}
		}
	}
	next, err := Build(res, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Offer(next); !errors.Is(err, ErrInconsistent) {
		t.Fatalf("error %v, want ErrInconsistent", err)
	}
	// In two steps it works: first nothing leads there, then it goes.
	res.Clusters = resources(t).Clusters
	middle, err := Build(res, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Snapshot{middle, rebuild(t, next, res)} {
		if _, err := k.Offer(s); err != nil {
			t.Fatal(err)
		}
	}
}

func rebuild(t *testing.T, s *Snapshot, res translate.Resources) *Snapshot {
	t.Helper()
	res.Clusters = without(res.Clusters, ir.ClusterAdmin)
	again, err := Build(res, s.Revision()+1)
	if err != nil {
		t.Fatal(err)
	}
	return again
}
