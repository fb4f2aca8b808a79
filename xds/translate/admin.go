package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/miroir-search/miroir/xds/ir"
)

// anotherCoordinator is how often one that failed a request already is passed over in the choice of the next.
const anotherCoordinator = 5

// adminRoutes lead to the coordinators below a prefix. What a coordinator did not get goes to another, and what only
// reads also when one broke off.
func (b *builder) adminRoutes(name, prefix string) []*routev3.Route {
	get := b.adminRoute(name+"-get", prefix, retryUntouched+",reset")
	get.Match.Headers = []*routev3.HeaderMatcher{exactMethod("GET")}
	return []*routev3.Route{get, b.adminRoute(name, prefix, retryUntouched)}
}

// adminRoute shows the gateway the headers only, so that dumps, event streams and long polls of any size pass (AD-5), and
// the body limit does not apply.
func (b *builder) adminRoute(name, prefix, retryOn string) *routev3.Route {
	return &routev3.Route{
		Name:  name,
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: prefix}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier:            &routev3.RouteAction_Cluster{Cluster: ir.ClusterAdmin},
			ClusterNotFoundResponseCode: routev3.RouteAction_SERVICE_UNAVAILABLE,
			Timeout:                     durationpb.New(0),
			RetryPolicy: &routev3.RetryPolicy{
				RetryOn:    retryOn,
				NumRetries: wrapperspb.UInt32(2),
				RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
					Name: "envoy.retry_host_predicates.previous_hosts",
					ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
						TypedConfig: b.pack(&previoushostsv3.PreviousHostsPredicate{}),
					},
				}},
				HostSelectionRetryMaxAttempts: anotherCoordinator,
			},
		}},
		RequestHeadersToRemove: []string{ir.HeaderTarget},
		TypedPerFilterConfig: map[string]*anypb.Any{
			filterGateway:   b.pack(gatewayOverride(b.headersOnly())),
			filterBodyLimit: b.pack(&routev3.FilterConfig{Disabled: true}),
		},
	}
}

// headersOnly shows the gateway nothing but the headers. It has no effect there, so that another one may do it again.
func (b *builder) headersOnly() *extprocv3.ExtProcOverrides {
	o := &extprocv3.ExtProcOverrides{ProcessingMode: &extprocv3.ProcessingMode{
		RequestHeaderMode:   extprocv3.ProcessingMode_SEND,
		RequestBodyMode:     extprocv3.ProcessingMode_NONE,
		RequestTrailerMode:  extprocv3.ProcessingMode_SKIP,
		ResponseHeaderMode:  extprocv3.ProcessingMode_SKIP,
		ResponseBodyMode:    extprocv3.ProcessingMode_NONE,
		ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
	}}
	if len(b.cfg.Gateway.SocketPaths) > 1 {
		o.GrpcService = b.gatewayService(retryReads)
	}
	return o
}
