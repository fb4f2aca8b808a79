package translate

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	uuidv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/request_id/uuid/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/miroir-search/miroir/xds/ir"
)

// Windows of HTTP/2 client connections: one upload alone can fill a fast line, all together stay bounded.
const (
	clientStreamWindow     = 1 << 20
	clientConnectionWindow = 4 << 20
)

func (b *builder) listener() *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:                          ListenerName,
		Address:                       socketAddress(b.cfg.Ingress.Address, b.cfg.Ingress.Port),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(b.cfg.Limits.BufferBytes),
		FilterChains: []*listenerv3.FilterChain{{
			Name: "http",
			Filters: []*listenerv3.Filter{{
				Name:       "envoy.filters.network.http_connection_manager",
				ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.pack(b.connectionManager())},
			}},
		}},
	}
}

func (b *builder) connectionManager() *hcmv3.HttpConnectionManager {
	t, l := b.cfg.Timeouts, b.cfg.Limits
	return &hcmv3.HttpConnectionManager{
		StatPrefix: "ingress",
		CodecType:  hcmv3.HttpConnectionManager_AUTO,
		// The route table travels apart from the listener: changing it ends no upload.
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: RouteName}},
		HttpFilters:    b.filters(),

		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:     durationpb.New(t.ConnectionIdle),
			MaxHeadersCount: wrapperspb.UInt32(l.HeaderCount),
		},
		HttpProtocolOptions: &corev3.Http1ProtocolOptions{AcceptHttp_10: true, DefaultHostForHttp_10: "miroir"},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        wrapperspb.UInt32(l.ConcurrentStreams),
			InitialStreamWindowSize:     wrapperspb.UInt32(clientStreamWindow),
			InitialConnectionWindowSize: wrapperspb.UInt32(clientConnectionWindow),
		},
		MaxRequestHeadersKb:   wrapperspb.UInt32(l.HeaderKiB),
		RequestHeadersTimeout: durationpb.New(t.RequestHeaders),
		StreamIdleTimeout:     durationpb.New(t.StreamIdle),
		// A body may take as long as it moves.
		RequestTimeout: durationpb.New(0),

		// One canonical path for matching, for the gateway and for the sidecar (AU-1). An encoded slash stays what the
		// client wrote: it is data inside one segment, and whoever decodes does so after cutting at slashes.
		NormalizePath:                wrapperspb.Bool(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_KEEP_UNCHANGED,

		// The client's address is the trusted-hop result; no peer is internal, so nobody may send Envoy's own headers.
		UseRemoteAddress:      wrapperspb.Bool(true),
		XffNumTrustedHops:     b.cfg.Ingress.TrustedHops,
		InternalAddressConfig: &hcmv3.HttpConnectionManager_InternalAddressConfig{},

		// The request id filter makes the id, for Envoy's own would be a UUID.
		GenerateRequestId:            wrapperspb.Bool(false),
		PreserveExternalRequestId:    true,
		AlwaysSetRequestIdInResponse: true,
		RequestIdExtension: &hcmv3.RequestIDExtension{TypedConfig: b.pack(&uuidv3.UuidRequestIdConfig{
			PackTraceReason:              wrapperspb.Bool(false),
			UseRequestIdForTraceSampling: wrapperspb.Bool(false),
		})},

		// Meilisearch names no server, and so does Miroir.
		ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
		LocalReplyConfig:           b.localReplies(),
		AccessLog:                  b.accessLog(),
	}
}

func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		// Without a route table the listener would answer 404 to everybody: rather wait.
		InitialFetchTimeout: durationpb.New(0),
	}
}

// accessLog writes one JSON line per request. Paths hold index names and document ids, queries hold what people search
// for: neither is written.
func (b *builder) accessLog() []*accesslogv3.AccessLog {
	if b.cfg.Ingress.AccessLog != ir.AccessLogStdout {
		return nil
	}
	field := structpb.NewStringValue
	line := &structpb.Struct{Fields: map[string]*structpb.Value{
		"time":           field("%START_TIME%"),
		"method":         field("%REQ(:METHOD)%"),
		"protocol":       field("%PROTOCOL%"),
		"route":          field("%ROUTE_NAME%"),
		"status":         field("%RESPONSE_CODE%"),
		"flags":          field("%RESPONSE_FLAGS%"),
		"details":        field("%RESPONSE_CODE_DETAILS%"),
		"cluster":        field("%UPSTREAM_CLUSTER%"),
		"bytes_received": field("%BYTES_RECEIVED%"),
		"bytes_sent":     field("%BYTES_SENT%"),
		"duration_ms":    field("%DURATION%"),
		"request_id":     field("%REQ(X-REQUEST-ID)%"),
	}}
	return []*accesslogv3.AccessLog{{
		Name: "envoy.access_loggers.stdout",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.pack(&streamv3.StdoutAccessLog{
			AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: line},
			}},
		})},
	}}
}
