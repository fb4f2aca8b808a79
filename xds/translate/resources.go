package translate

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/miroir-search/miroir/xds/ir"
)

// Names of the listener and of its route table. They never change, so that a new configuration updates them in place.
const (
	ListenerName = "ingress"
	RouteName    = "ingress"
)

// Resources is everything one Envoy gets, each list sorted by name.
type Resources struct {
	Listeners []*listenerv3.Listener
	Routes    []*routev3.RouteConfiguration
	Clusters  []*clusterv3.Cluster
}

// Translate builds the resources of a configuration. An invalid configuration gives ir.ErrInvalid.
func Translate(cfg ir.Config) (Resources, error) {
	if err := cfg.Validate(); err != nil {
		return Resources{}, err
	}
	b := &builder{cfg: cfg}
	res := Resources{
		Listeners: []*listenerv3.Listener{b.listener()},
		Routes:    []*routev3.RouteConfiguration{b.routes()},
		Clusters:  b.clusters(),
	}
	if b.err != nil {
		return Resources{}, fmt.Errorf("encode envoy resource: %w", b.err)
	}
	return res, nil
}

// builder carries the configuration and the first encoding error, so that the resources read as literals.
type builder struct {
	cfg ir.Config
	err error
}

// pack wraps a message with sorted map keys; the default encoder may shuffle them.
func (b *builder) pack(m proto.Message) *anypb.Any {
	packed := &anypb.Any{}
	if err := anypb.MarshalFrom(packed, m, proto.MarshalOptions{Deterministic: true}); err != nil && b.err == nil {
		b.err = err
	}
	return packed
}
