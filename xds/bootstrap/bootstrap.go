package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"sigs.k8s.io/yaml"

	"github.com/miroir-search/miroir/xds/ir"
)

// clusterXDS is the cluster of the coordinators' xDS. It exists beside what comes by xDS, so its name must not be one
// that can come.
const clusterXDS = "xds"

// DefaultMaxConnections bounds the client connections of one Envoy when Options do not.
const DefaultMaxConnections = 20000

// Options is what differs between two Envoys.
type Options struct {
	NodeID  string // unique among the Envoys of the cluster; the name acknowledgements are booked under
	Cluster string // name of the Miroir cluster
	// XDSAddresses are the coordinators' xDS listeners, host:port. Envoy uses one and moves on when it is lost.
	XDSAddresses []string
	// AdminAddress is where Envoy's own admin listens (/ready, /stats), an address of loopback: it can stop Envoy and
	// shows everything.
	AdminAddress string
	// MaxConnections bounds client connections, 0 for the default.
	MaxConnections uint64
}

// ErrOptions marks every error that lies in the options.
var ErrOptions = errors.New("invalid bootstrap options")

func (o Options) endpoints() ([]ir.Endpoint, ir.Endpoint, error) {
	var errs []error
	if o.NodeID == "" || o.Cluster == "" {
		errs = append(errs, errors.New("node id or cluster is empty"))
	}
	admin, err := ir.ParseEndpoint(o.AdminAddress)
	if err != nil {
		errs = append(errs, fmt.Errorf("admin: %w", err))
	} else if ip, err := netip.ParseAddr(admin.Host); err != nil || !ip.IsLoopback() {
		errs = append(errs, fmt.Errorf("admin address %q is not on loopback", o.AdminAddress))
	}
	if len(o.XDSAddresses) == 0 {
		errs = append(errs, errors.New("no xds address"))
	}
	var xds []ir.Endpoint
	for _, address := range o.XDSAddresses {
		e, err := ir.ParseEndpoint(address)
		if err != nil {
			errs = append(errs, fmt.Errorf("xds: %w", err))
			continue
		}
		if slices.Contains(xds, e) {
			errs = append(errs, fmt.Errorf("xds address %q is listed twice", address))
		}
		xds = append(xds, e)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, ir.Endpoint{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return xds, admin, nil
}

// Render gives the bootstrap as YAML. The same options give the same bytes.
func Render(o Options) ([]byte, error) {
	xds, admin, err := o.endpoints()
	if err != nil {
		return nil, err
	}
	cluster, err := xdsCluster(xds)
	if err != nil {
		return nil, err
	}
	overload, err := overloadManager(o.MaxConnections)
	if err != nil {
		return nil, err
	}
	config := &bootstrapv3.Bootstrap{
		Node:  &corev3.Node{Id: o.NodeID, Cluster: o.Cluster},
		Admin: &bootstrapv3.Admin{Address: address(admin)},
		DynamicResources: &bootstrapv3.Bootstrap_DynamicResources{
			AdsConfig: &corev3.ApiConfigSource{
				// Only what changed travels, and a coordinator that Envoy moves to sends nothing that Envoy has.
				ApiType:             corev3.ApiConfigSource_DELTA_GRPC,
				TransportApiVersion: corev3.ApiVersion_V3,
				GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: clusterXDS},
				}}},
				SetNodeOnFirstMessageOnly: true,
			},
			CdsConfig: ads(),
			LdsConfig: ads(),
		},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{cluster}},
		OverloadManager: overload,
	}
	if err := config.ValidateAll(); err != nil {
		return nil, fmt.Errorf("validate bootstrap: %w", err)
	}
	asJSON, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode bootstrap: %w", err)
	}
	// The JSON encoder varies its white space on purpose; going through YAML settles it and can be read.
	out, err := yaml.JSONToYAML(asJSON)
	if err != nil {
		return nil, fmt.Errorf("encode bootstrap: %w", err)
	}
	return out, nil
}

// ads waits for the first answer without end: an Envoy that has never heard from a coordinator has no listener, and it
// must not call itself ready.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		InitialFetchTimeout:   durationpb.New(0),
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
}

func address(e ir.Endpoint) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       e.Host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(e.Port)},
	}}}
}

// xdsCluster pings its connection: a coordinator that vanished without closing it is noticed within seconds and Envoy
// goes on with another one.
func xdsCluster(endpoints []ir.Endpoint) (*clusterv3.Cluster, error) {
	http2, err := anypb.New(&httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{ConnectionKeepalive: &corev3.KeepaliveSettings{
						Interval: durationpb.New(10 * time.Second),
						Timeout:  durationpb.New(5 * time.Second),
					}},
				},
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode xds cluster: %w", err)
	}
	discovery := clusterv3.Cluster_STATIC
	var hosts []*endpointv3.LbEndpoint
	for _, e := range endpoints {
		if !e.Literal {
			discovery = clusterv3.Cluster_STRICT_DNS
		}
		hosts = append(hosts, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: address(e)},
		}})
	}
	return &clusterv3.Cluster{
		Name:                 clusterXDS,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: discovery},
		DnsLookupFamily:      clusterv3.Cluster_V4_PREFERRED,
		ConnectTimeout:       durationpb.New(time.Second),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: clusterXDS,
			Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: hosts}},
		},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2,
		},
	}, nil
}

func overloadManager(connections uint64) (*overloadv3.OverloadManager, error) {
	if connections == 0 {
		connections = DefaultMaxConnections
	}
	limit, err := anypb.New(&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: int64(connections)})
	if err != nil {
		return nil, fmt.Errorf("encode connection limit: %w", err)
	}
	return &overloadv3.OverloadManager{
		RefreshInterval: durationpb.New(250 * time.Millisecond),
		ResourceMonitors: []*overloadv3.ResourceMonitor{{
			Name:       "envoy.resource_monitors.global_downstream_max_connections",
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: limit},
		}},
	}, nil
}
