package translate

import (
	"fmt"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/miroir-search/miroir/xds/ir"
)

const preflightMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE, CONNECT"

// clientHeaders say something to Miroir and nothing to an engine. The prefix of legs is not among them: those headers
// are the gateway's, for sanitize removed the client's.
var clientHeaders = []string{
	ir.HeaderTarget, ir.HeaderClientAddress, "cookie", "idempotency-key", "x-admin-key", "x-csrf-token",
	"x-miroir-min-settings-version", "x-miroir-over-fetch", "x-miroir-session", "x-miroir-tenant", "x-search-ui-key",
}

func (b *builder) routes() *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{
		Name: RouteName,
		VirtualHosts: []*routev3.VirtualHost{{
			Name:    "all",
			Domains: []string{"*"},
			Routes: slices.Concat(
				[]*routev3.Route{b.preflightRoute()}, b.adminRoutes("admin", ir.AdminPrefix), b.adminRoutes("ui", ir.UIPrefix), b.readRoutes(),
				[]*routev3.Route{b.nodeRoute("node", nil, nil)},
			),
		}},
	}
}

// preflightRoute answers what a browser asks before it sends. Meilisearch takes any OPTIONS request that names a method
// for a preflight, with or without an origin, and answers it without a look at credentials or path.
func (b *builder) preflightRoute() *routev3.Route {
	return &routev3.Route{
		Name: "preflight",
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
			Headers: []*routev3.HeaderMatcher{
				exactMethod("OPTIONS"),
				headerMatches("access-control-request-method", "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT"),
			},
		},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 200}},
		ResponseHeadersToAdd: []*corev3.HeaderValueOption{
			setHeader("access-control-allow-origin", "*"),
			setHeader("access-control-allow-methods", preflightMethods),
			// Any header may be sent: the question is the answer. Without a question there is no answer either.
			setHeader("access-control-allow-headers", "%REQ(access-control-request-headers)%"),
			setHeader("access-control-max-age", fmt.Sprintf("%d", b.cfg.CORS.MaxAge/time.Second)),
		},
		TypedPerFilterConfig: map[string]*anypb.Any{
			filterGateway: b.pack(&extprocv3.ExtProcPerRoute{Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true}}),
		},
	}
}

// nodeRoute leads to the sidecar that the gateway chose, or to the pair of them. A request that carries no choice, or one that this Envoy does
// not know, is answered 503: never by a sidecar of Envoy's own choosing.
func (b *builder) nodeRoute(name string, match *routev3.HeaderMatcher, retry *routev3.RetryPolicy) *routev3.Route {
	var headers []*routev3.HeaderMatcher
	if match != nil {
		headers = append(headers, match)
	}
	return &routev3.Route{
		Name:  name,
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}, Headers: headers},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier:            &routev3.RouteAction_ClusterHeader{ClusterHeader: ir.HeaderTarget},
			ClusterNotFoundResponseCode: routev3.RouteAction_SERVICE_UNAVAILABLE,
			// An upload may take as long as it moves; the stream's idle timeout ends one that does not.
			Timeout:     durationpb.New(0),
			RetryPolicy: retry,
		}},
		RequestHeadersToRemove: clientHeaders,
	}
}

func exactMethod(method string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: ":method",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Exact{Exact: method},
		}},
	}
}

func headerMatches(name, regex string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: name,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: regex}},
		}},
	}
}

func setHeader(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
