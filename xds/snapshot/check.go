package snapshot

import (
	"errors"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	aggregatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/aggregate/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/miroir-search/miroir/xds/translate"
)

// references is what listeners and routes name, each list sorted and without repeats.
type references struct {
	clusters []string
	routes   []string
}

// check says everything that is wrong with a set of resources, and what it refers to.
func check(res translate.Resources) (references, error) {
	var errs []error
	clusters, routes := map[string]bool{}, map[string]bool{}
	for _, c := range res.Clusters {
		errs = append(errs, checkOne("cluster", c.GetName(), c, clusters))
		if c.GetType() == clusterv3.Cluster_EDS {
			errs = append(errs, fmt.Errorf("cluster %q waits for endpoints that no snapshot carries", c.GetName()))
		}
	}
	for _, r := range res.Routes {
		errs = append(errs, checkOne("route table", r.GetName(), r, routes))
	}
	listeners := map[string]bool{}
	for _, l := range res.Listeners {
		errs = append(errs, checkOne("listener", l.GetName(), l, listeners))
	}
	if len(listeners) == 0 {
		errs = append(errs, errors.New("no listener"))
	}

	errs = append(errs, checkMembers(res.Clusters, clusters)...)
	w := &walker{}
	for _, l := range res.Listeners {
		w.walk(l.ProtoReflect())
	}
	for _, r := range res.Routes {
		w.walk(r.ProtoReflect())
	}
	errs = append(errs, w.errs...)
	refs := references{clusters: unique(w.clusters), routes: unique(w.routes)}
	for _, name := range refs.clusters {
		if !clusters[name] {
			errs = append(errs, fmt.Errorf("cluster %q is named but does not exist", name))
		}
	}
	for _, name := range refs.routes {
		if !routes[name] {
			errs = append(errs, fmt.Errorf("route table %q is named but does not exist", name))
		}
	}
	for _, r := range res.Routes {
		if !slices.Contains(refs.routes, r.GetName()) {
			errs = append(errs, fmt.Errorf("route table %q is used by no listener", r.GetName()))
		}
	}
	return refs, errors.Join(errs...)
}

// checkMembers finds clusters that are made of others that do not exist. These are not references of listeners or routes:
// what is made of a cluster may leave together with it.
func checkMembers(list []*clusterv3.Cluster, exist map[string]bool) []error {
	w := &walker{}
	for _, c := range list {
		w.walk(c.ProtoReflect())
	}
	errs := w.errs
	for _, name := range unique(w.clusters) {
		if !exist[name] {
			errs = append(errs, fmt.Errorf("a cluster is made of %q, which does not exist", name))
		}
	}
	return errs
}

type validated interface {
	proto.Message
	ValidateAll() error
}

func checkOne(kind, name string, m validated, seen map[string]bool) error {
	if name == "" {
		return fmt.Errorf("%s without a name", kind)
	}
	if seen[name] {
		return fmt.Errorf("%s %q exists twice", kind, name)
	}
	seen[name] = true
	if err := m.ValidateAll(); err != nil {
		return fmt.Errorf("%s %q: %w", kind, name, err)
	}
	return nil
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// walker collects the names that a resource refers to, also inside packed settings of filters.
type walker struct {
	clusters []string
	routes   []string
	errs     []error
}

func (w *walker) walk(m protoreflect.Message) {
	switch v := m.Interface().(type) {
	case *anypb.Any:
		w.unpack(v)
		return
	case *routev3.RouteAction:
		w.cluster(v.GetCluster())
	case *routev3.WeightedCluster_ClusterWeight:
		w.cluster(v.GetName())
	case *routev3.RouteAction_RequestMirrorPolicy:
		w.cluster(v.GetCluster())
	case *corev3.GrpcService_EnvoyGrpc:
		w.cluster(v.GetClusterName())
	case *corev3.HttpUri:
		w.cluster(v.GetCluster())
	case *aggregatev3.ClusterConfig:
		w.clusters = append(w.clusters, v.GetClusters()...)
	case *hcmv3.Rds:
		w.routes = append(w.routes, v.GetRouteConfigName())
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() && fd.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, e protoreflect.Value) bool {
				w.walk(e.Message())
				return true
			})
		case fd.IsList() && fd.Message() != nil:
			for i := range v.List().Len() {
				w.walk(v.List().Get(i).Message())
			}
		case !fd.IsMap() && !fd.IsList() && fd.Message() != nil:
			w.walk(v.Message())
		}
		return true
	})
}

func (w *walker) cluster(name string) {
	if name != "" {
		w.clusters = append(w.clusters, name)
	}
}

// unpack follows a packed message and checks it too, for Envoy would refuse the whole resource.
func (w *walker) unpack(packed *anypb.Any) {
	m, err := packed.UnmarshalNew()
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("settings of type %q: %w", packed.GetTypeUrl(), err))
		return
	}
	if v, ok := m.(validated); ok {
		if err := v.ValidateAll(); err != nil {
			w.errs = append(w.errs, fmt.Errorf("settings of type %q: %w", packed.GetTypeUrl(), err))
		}
	}
	w.walk(m.ProtoReflect())
}
