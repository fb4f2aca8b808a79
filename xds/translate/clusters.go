package translate

import (
	"slices"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/miroir-search/miroir/xds/ir"
)

const (
	httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

	// healthHost is the Host of health checks. Envoy's default is the cluster's name, whose slash Go's server refuses.
	healthHost = "sidecar"

	// recheck is the time between two looks at an unhealthy sidecar.
	recheck = 250 * time.Millisecond

	// A sidecar that fails this many requests in a row at the gateway level is left alone for ejectionTime.
	gatewayErrors = 5
	ejectionTime  = 5 * time.Second

	// Windows of the connection to the gateway, which lives on the same machine: big enough that an upload is never
	// slowed by window updates, small enough that a gateway that stops reading stops the client.
	gatewayStreamWindow     = 1 << 20
	gatewayConnectionWindow = 16 << 20
)

func (b *builder) clusters() []*clusterv3.Cluster {
	clusters := []*clusterv3.Cluster{b.gatewayCluster(), b.adminCluster()}
	for _, n := range b.cfg.Nodes {
		clusters = append(clusters, b.nodeCluster(n))
	}
	clusters = append(clusters, b.pairClusters()...)
	slices.SortFunc(clusters, func(x, y *clusterv3.Cluster) int { return strings.Compare(x.Name, y.Name) })
	return clusters
}

// nodeCluster holds one sidecar. The endpoint stands inside the cluster: see docs/decisions on inline endpoints.
//
// Envoy's panic threshold stays at its default, so that the only host of the cluster is tried even when its last health
// check failed or it was left alone for its errors. Nobody sends here but for a gateway that has the node up in its own
// view, by lease and probe: a check that a busy machine answered late must not turn a copy that lives into a 503. One
// that is down refuses the connection, and is out of that view soon.
func (b *builder) nodeCluster(n ir.Node) *clusterv3.Cluster {
	c := b.httpCluster(ir.ClusterOfNode(n.ID), []string{n.Address}, nil)
	c.HealthChecks = []*corev3.HealthCheck{b.healthCheck()}
	c.OutlierDetection = outliers()
	return c
}

func (b *builder) healthCheck() *corev3.HealthCheck {
	h := b.cfg.HealthCheck
	// A node that was found unhealthy is looked at more often: while Envoy does not know that it is back, a pair with it
	// has nowhere to go when the other fails.
	again := durationpb.New(min(recheck, h.Interval))
	return &corev3.HealthCheck{
		Interval:                 durationpb.New(h.Interval),
		NoTrafficHealthyInterval: durationpb.New(h.Interval),
		NoTrafficInterval:        again,
		UnhealthyInterval:        again,
		UnhealthyEdgeInterval:    again,

		Timeout:            durationpb.New(h.Timeout),
		UnhealthyThreshold: wrapperspb.UInt32(h.UnhealthyThreshold),
		HealthyThreshold:   wrapperspb.UInt32(h.HealthyThreshold),
		HealthChecker: &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: &corev3.HealthCheck_HttpHealthCheck{
			Host: healthHost,
			Path: ir.HealthPath,
		}},
	}
}

// adminCluster holds the coordinators. It exists even without any, so that the route table never lacks its target. With
// the default panic threshold one that failed a moment ago is tried before none is.
func (b *builder) adminCluster() *clusterv3.Cluster {
	// A connection ends with its request, of which there are few: none meets the end of a coordinator on a connection of
	// before, where nobody could tell whether it was begun with.
	c := b.httpCluster(ir.ClusterAdmin, b.cfg.Admin.Addresses, wrapperspb.UInt32(1))
	c.OutlierDetection = outliers()
	return c
}

// outliers leaves a peer alone for a moment that failed several requests in a row at the gateway level (502, 503, 504
// and broken connections).
func outliers() *clusterv3.OutlierDetection {
	return &clusterv3.OutlierDetection{
		Interval:                           durationpb.New(time.Second),
		BaseEjectionTime:                   durationpb.New(ejectionTime),
		MaxEjectionTime:                    durationpb.New(ejectionTime),
		MaxEjectionPercent:                 wrapperspb.UInt32(100),
		ConsecutiveGatewayFailure:          wrapperspb.UInt32(gatewayErrors),
		EnforcingConsecutiveGatewayFailure: wrapperspb.UInt32(100),
		// A 500 is an engine's answer to one request and says nothing about the next.
		EnforcingConsecutive_5Xx: wrapperspb.UInt32(0),
		EnforcingSuccessRate:     wrapperspb.UInt32(0),
	}
}

func (b *builder) httpCluster(name string, addresses []string, perConnection *wrapperspb.UInt32Value) *clusterv3.Cluster {
	endpoints, discovery := lbEndpoints(addresses)
	return &clusterv3.Cluster{
		Name:                          name,
		ClusterDiscoveryType:          discovery,
		DnsLookupFamily:               clusterv3.Cluster_V4_PREFERRED,
		ConnectTimeout:                durationpb.New(b.cfg.Timeouts.Connect),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(b.cfg.Limits.BufferBytes),
		LoadAssignment:                &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: endpoints},
		CircuitBreakers:               breakers(b.cfg.Limits.ClusterRequests),
		IgnoreHealthOnHostRemoval:     true,
		UpstreamConnectionOptions:     keepalive(),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptions: b.pack(&httpv3.HttpProtocolOptions{
			CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
				IdleTimeout: durationpb.New(b.cfg.Timeouts.UpstreamIdle), MaxRequestsPerConnection: perConnection,
			},
			UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
				ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
					ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
						HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
					},
				},
			},
		})},
	}
}

// gatewayCluster is the gateways on their Unix sockets. Every request in flight is one gRPC stream here, so the limits are
// higher than a sidecar's; past them Envoy answers 503 itself.
func (b *builder) gatewayCluster() *clusterv3.Cluster {
	var hosts []*endpointv3.LbEndpoint
	for _, path := range b.cfg.Gateway.SocketPaths {
		hosts = append(hosts, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
			Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}},
		}}})
	}
	c := &clusterv3.Cluster{
		Name:                          ir.ClusterGateway,
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:                durationpb.New(b.cfg.Timeouts.Connect),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(b.cfg.Limits.BufferBytes),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: ir.ClusterGateway,
			Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: hosts}},
		},
		CircuitBreakers: breakers(b.cfg.Limits.GatewayRequests),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptions: b.pack(&httpv3.HttpProtocolOptions{
			UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
				ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
					ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
						Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
							InitialStreamWindowSize:     wrapperspb.UInt32(gatewayStreamWindow),
							InitialConnectionWindowSize: wrapperspb.UInt32(gatewayConnectionWindow),
							ConnectionKeepalive:         b.gatewayPings(),
						},
					},
				},
			},
		})},
	}
	if len(hosts) > 1 {
		b.chooseGateway(c)
	}
	return c
}

// lbEndpoints sorts the addresses and chooses how Envoy finds them: literal addresses as they are, names by DNS.
func lbEndpoints(addresses []string) ([]*endpointv3.LocalityLbEndpoints, *clusterv3.Cluster_Type) {
	discovery := clusterv3.Cluster_STATIC
	var hosts []*endpointv3.LbEndpoint
	for _, address := range slices.Sorted(slices.Values(addresses)) {
		// Validate refused every address that does not parse.
		e, err := ir.ParseEndpoint(address)
		if err != nil {
			continue
		}
		if !e.Literal {
			discovery = clusterv3.Cluster_STRICT_DNS
		}
		hosts = append(hosts, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: socketAddress(e.Host, e.Port)},
		}})
	}
	if len(hosts) == 0 {
		return nil, &clusterv3.Cluster_Type{Type: discovery}
	}
	return []*endpointv3.LocalityLbEndpoints{{LbEndpoints: hosts}}, &clusterv3.Cluster_Type{Type: discovery}
}

func socketAddress(host string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

func breakers(requests uint32) *clusterv3.CircuitBreakers {
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     wrapperspb.UInt32(requests),
		MaxPendingRequests: wrapperspb.UInt32(requests),
		MaxRequests:        wrapperspb.UInt32(requests),
		MaxRetries:         wrapperspb.UInt32(max(requests/16, 1)),
	}}}
}

// keepalive finds a peer that vanished without a word, which an idle connection would not notice before its next use.
func keepalive() *clusterv3.UpstreamConnectionOptions {
	return &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{
		KeepaliveProbes:   wrapperspb.UInt32(3),
		KeepaliveTime:     wrapperspb.UInt32(15),
		KeepaliveInterval: wrapperspb.UInt32(5),
	}}
}
