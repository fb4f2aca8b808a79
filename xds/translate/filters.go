package translate

import (
	rulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	bodylimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/body_size_limit/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/miroir-search/miroir/xds/ir"
)

// Names of the filters, also the keys of settings per route.
const (
	filterBrotli    = "miroir.brotli"
	filterGzip      = "miroir.gzip"
	filterSanitize  = "miroir.sanitize"
	filterRequestID = "miroir.request_id"
	filterVary      = "miroir.vary"
	filterCORS      = "miroir.cors"
	filterBodyLimit = "miroir.body_limit"
	filterGateway   = "miroir.gateway"
	filterRouter    = "envoy.filters.http.router"
)

const (
	vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

	headerRequestID = "x-request-id"
	requestIDSyntax = "[A-Za-z0-9._-]{1,64}"
	// headerFreshID exists only between two mutations of one filter: it gets a random UUID, whose first eight characters
	// are eight random lower-case hexadecimal digits.
	headerFreshID = "x-miroir-fresh-id"
)

// Headers of the inside. A client that could send them would steer nodes: they are removed before anything reads them.
var (
	internalHeaders  = []string{ir.HeaderTarget, ir.HeaderClientAddress, headerFreshID, "x-miroir-dispatch", "x-miroir-origin"}
	internalPrefixes = []string{"meili-proxy-", "x-meili-proxy-", "x-miroir-leg-", "x-envoy-"}
)

func (b *builder) filters() []*hcmv3.HttpFilter {
	return append(b.compression(), []*hcmv3.HttpFilter{
		b.filter(filterSanitize, mutation(sanitize(), nil)),
		b.filter(filterRequestID, b.unless(headerIs(headerRequestID, requestIDSyntax), mutation(freshRequestID(), nil))),
		b.filter(filterVary, mutation(nil, []*rulesv3.HeaderMutation{overwrite("vary", vary)})),
		b.filter(filterCORS, b.unless(headerAbsent("origin"),
			mutation(nil, []*rulesv3.HeaderMutation{overwrite("access-control-allow-origin", "*")}))),
		b.filter(filterBodyLimit, &bodylimitv3.BodySizeLimit{MaxRequestBytes: wrapperspb.UInt64(b.cfg.Limits.MaxBodyBytes)}),
		b.filter(filterGateway, b.gateway()),
		b.filter(filterRouter, &routerv3.Router{SuppressEnvoyHeaders: true}),
	}...)
}

func (b *builder) filter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.pack(config)}}
}

// gateway is the external processor. docs/decisions has the reasons for its mode; the short of it: the gateway gets the
// headers at once and the body as it comes, and either answers itself or hands both on. Answers of sidecars are not shown
// to it. It fails closed: no gateway, no request (IN-6).
func (b *builder) gateway() *extprocv3.ExternalProcessor {
	return &extprocv3.ExternalProcessor{
		GrpcService:      b.gatewayService(retryUntouched),
		FailureModeAllow: false,
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode: extprocv3.ProcessingMode_SEND,
			RequestBodyMode:   extprocv3.ProcessingMode_FULL_DUPLEX_STREAMED,
			// Full duplex needs the trailers too, for they end the body.
			RequestTrailerMode:  extprocv3.ProcessingMode_SEND,
			ResponseHeaderMode:  extprocv3.ProcessingMode_SKIP,
			ResponseBodyMode:    extprocv3.ProcessingMode_NONE,
			ResponseTrailerMode: extprocv3.ProcessingMode_SKIP,
		},
		// Holds for requests shown with headers only; Envoy sets no timer in full duplex, there the gateway's own
		// deadline rules.
		MessageTimeout: durationpb.New(b.cfg.Timeouts.HeaderDecision),
		// The gateway may rewrite the path and the method of what it hands on. A change that Envoy does not take must
		// fail the request: dropped in silence it would send one client's credential to a node, or lose the target.
		MutationRules: &rulesv3.HeaderMutationRules{
			AllowAllRouting: wrapperspb.Bool(true),
			DisallowIsError: wrapperspb.Bool(true),
		},
		RouteCacheAction: extprocv3.ExternalProcessor_DEFAULT,
		ForwardRules:     &extprocv3.HeaderForwardingRules{DisallowedHeaders: unread()},
	}
}

// unreadHeaders are those that every client sends and the gateway never looks at. Each header less is a fiftieth of what a
// request costs the gateway. They stay on the request that goes to a node or a coordinator.
var unreadHeaders = []string{
	":authority", ":scheme", "accept", "accept-language", "connection", "content-length", "cookie", "origin", "referer",
	"te", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-meilisearch-client",
}

func unread() *matcherv3.ListStringMatcher {
	list := &matcherv3.ListStringMatcher{Patterns: []*matcherv3.StringMatcher{
		{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "sec-"}}, // browsers send up to ten of them
	}}
	for _, name := range unreadHeaders {
		list.Patterns = append(list.Patterns, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}})
	}
	return list
}

func mutation(request, response []*rulesv3.HeaderMutation) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Mutations: &mutationv3.Mutations{RequestMutations: request, ResponseMutations: response}}
}

func sanitize() []*rulesv3.HeaderMutation {
	var list []*rulesv3.HeaderMutation
	for _, prefix := range internalPrefixes {
		list = append(list, &rulesv3.HeaderMutation{Action: &rulesv3.HeaderMutation_RemoveOnMatch_{
			RemoveOnMatch: &rulesv3.HeaderMutation_RemoveOnMatch{KeyMatcher: &matcherv3.StringMatcher{
				MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix},
				IgnoreCase:   true,
			}},
		}})
	}
	for _, name := range internalHeaders {
		list = append(list, remove(name))
	}
	return append(list, overwrite(ir.HeaderClientAddress, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"))
}

func freshRequestID() []*rulesv3.HeaderMutation {
	return []*rulesv3.HeaderMutation{
		overwrite(headerFreshID, "%UNIQUE_ID%"),
		overwrite(headerRequestID, "%REQ("+headerFreshID+"):8%"),
		remove(headerFreshID),
	}
}

func remove(name string) *rulesv3.HeaderMutation {
	return &rulesv3.HeaderMutation{Action: &rulesv3.HeaderMutation_Remove{Remove: name}}
}

func overwrite(name, value string) *rulesv3.HeaderMutation {
	return &rulesv3.HeaderMutation{Action: &rulesv3.HeaderMutation_Append{Append: setHeader(name, value)}}
}
