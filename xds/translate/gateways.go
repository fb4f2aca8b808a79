package translate

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/miroir-search/miroir/xds/ir"
)

const (
	// What a gateway did not get is asked of another: it refused the connection, or said that it took no more requests.
	retryUntouched = "connect-failure,refused-stream"
	// What only reads is asked again also after a gateway broke off in the middle of it.
	retryReads = retryUntouched + ",reset,unavailable"

	// gatewayTries bounds how often a request is sent to a gateway again. Envoy does not leave out the one that failed, but
	// ejects it within a few milliseconds; the pauses between the tries double and are a quarter of a second in all.
	gatewayTries = 8
	firstRetry   = time.Millisecond

	// A gateway that answers no ping for gatewayFrozen stands still: what it has is taken from it.
	gatewayPing   = 2 * time.Second
	gatewayFrozen = 5 * time.Second

	// Looks at the gateways beside an Envoy: at each one, and at one that does not answer.
	gatewayLook   = time.Second
	gatewayRelook = 250 * time.Millisecond
)

// askPaths are the requests that read with a body.
const askPaths = "/indexes/[^/]+/(search|facet-search|similar|fields|explain|documents/fetch)|/multi-search"

// chooseGateway makes Envoy choose among several gateways. One that ends in order says so in its health and takes no
// new connections; one that died refuses them. Both is told apart from a busy one: of gateways that all look dead one is
// tried nevertheless.
func (b *builder) chooseGateway(c *clusterv3.Cluster) {
	// In turn, and not the one with the fewest requests: that would be the one that just died.
	c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
	c.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{
		HealthyPanicThreshold: &typev3.Percent{Value: 1},
		// Envoy tells its threads about health once a second otherwise, and they go on with a gateway that is gone.
		UpdateMergeWindow: durationpb.New(0),
	}
	again := durationpb.New(gatewayRelook)
	c.HealthChecks = []*corev3.HealthCheck{{
		Interval: durationpb.New(gatewayLook), Timeout: durationpb.New(gatewayLook),
		NoTrafficInterval: again, NoTrafficHealthyInterval: durationpb.New(gatewayLook), UnhealthyInterval: again, UnhealthyEdgeInterval: again,
		UnhealthyThreshold: wrapperspb.UInt32(2), HealthyThreshold: wrapperspb.UInt32(1),
		HealthChecker: &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{}},
	}}
	// The first refused connection ejects a gateway, and the next good health check brings it back. The last one stays.
	c.OutlierDetection = &clusterv3.OutlierDetection{
		Interval: again, BaseEjectionTime: durationpb.New(gatewayLook), MaxEjectionTime: durationpb.New(gatewayLook),
		MaxEjectionPercent:             wrapperspb.UInt32(99),
		SplitExternalLocalOriginErrors: true,
		ConsecutiveLocalOriginFailure:  wrapperspb.UInt32(1), EnforcingConsecutiveLocalOriginFailure: wrapperspb.UInt32(100),
		EnforcingConsecutive_5Xx: wrapperspb.UInt32(0), EnforcingConsecutiveGatewayFailure: wrapperspb.UInt32(0),
		EnforcingSuccessRate: wrapperspb.UInt32(0), EnforcingLocalOriginSuccessRate: wrapperspb.UInt32(0),
	}
}

// gatewayPings are asked on each connection to one of several gateways. Health checks alone would not end what a gateway has
// begun with, and must not: one that ends in order fails them, too.
func (b *builder) gatewayPings() *corev3.KeepaliveSettings {
	if len(b.cfg.Gateway.SocketPaths) < 2 {
		return nil
	}
	return &corev3.KeepaliveSettings{Interval: durationpb.New(gatewayPing), Timeout: durationpb.New(gatewayFrozen)}
}

// gatewayService is the way to a gateway, and when a request that a gateway failed goes to another. Envoy keeps what was
// sent so far for that, up to 64 KiB; a longer body that broke off is lost with its gateway.
func (b *builder) gatewayService(retryOn string) *corev3.GrpcService {
	s := &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
		EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: ir.ClusterGateway, Authority: ir.ClusterGateway},
	}}
	if len(b.cfg.Gateway.SocketPaths) < 2 {
		return s
	}
	s.RetryPolicy = &corev3.RetryPolicy{
		RetryOn:    retryOn,
		NumRetries: wrapperspb.UInt32(gatewayTries),
		// Envoy takes the longest pause for the time that one try may last, which has to be that of the longest request.
		RetryBackOff: &corev3.BackoffStrategy{BaseInterval: durationpb.New(firstRetry), MaxInterval: durationpb.New(b.cfg.Timeouts.StreamIdle)},
	}
	return s
}

// readRoutes are the routes to nodes of requests that only read: a gateway that fails them is replaced by another. With
// one gateway there is nothing to choose.
func (b *builder) readRoutes() []*routev3.Route {
	get := b.nodeRoute("node-get", exactMethod("GET"), b.retryOnce())
	if len(b.cfg.Gateway.SocketPaths) < 2 {
		return []*routev3.Route{get}
	}
	ask := b.nodeRoute("node-ask", exactMethod("POST"), nil)
	ask.Match.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: askPaths}}
	for _, r := range []*routev3.Route{get, ask} {
		r.TypedPerFilterConfig = map[string]*anypb.Any{filterGateway: b.pack(gatewayOverride(&extprocv3.ExtProcOverrides{
			GrpcService: b.gatewayService(retryReads),
		}))}
	}
	return []*routev3.Route{get, ask}
}

func gatewayOverride(o *extprocv3.ExtProcOverrides) *extprocv3.ExtProcPerRoute {
	return &extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Overrides{Overrides: o}}
}
