package translate

import (
	"fmt"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// meilisearchDocs is where links of Meilisearch's own codes point.
const meilisearchDocs = "https://docs.meilisearch.com/errors"

// retryAfter is what Meilisearch sends with a 503.
const retryAfter = "10"

// failure is one kind of answer that Envoy makes itself, and what the client sees of it (ER-2).
type failure struct {
	when    string // CEL over the request's attributes
	status  uint32
	code    string
	kind    string
	message string
	docs    string
	retry   bool
}

// madeByGateway recognises the gateway's own answers: to Envoy they are local replies too, and they must pass as they are.
// Envoy names a detail for every answer it makes itself and never calls its text anything but text/plain, at this point
// not even that; the gateway names no detail, or one that begins with "miroir".
const madeByGateway = `response.code_details == "" || response.code_details.startsWith("miroir") || "content-type" in response.headers`

func (b *builder) failures() []failure {
	own := b.cfg.Ingress.ErrorDocs
	return []failure{
		{
			when: `response.code == 413`, status: 413, code: "payload_too_large", kind: "invalid_request", docs: meilisearchDocs,
			message: "The provided payload reached the size limit. The maximum accepted payload size is " +
				size(b.cfg.Limits.MaxBodyBytes) + ".",
		},
		{
			// A circuit breaker, towards a node or towards the gateway, or Envoy as a whole.
			when:   `response.code_details.contains("overflow") || response.code_details.contains("overload")`,
			status: 503, code: "miroir_overloaded", kind: "system", docs: own, retry: true,
			message: "Too many requests are running at the same time. Try again later.",
		},
		{
			// The gateway asked for a change of headers that Envoy does not take.
			when:   `response.code_details.startsWith("header_mutation")`,
			status: 500, code: "miroir_internal", kind: "internal", docs: own,
			message: "An internal error has occurred.",
		},
		{
			// The gateway took too long over a request that it sees the headers of only.
			when:   `response.code_details == "ext_proc_error_per-message_timeout_exceeded"`,
			status: 504, code: "miroir_timeout", kind: "system", docs: own,
			message: "The request took too long.",
		},
		{
			when:   `response.code_details.startsWith("ext_proc_error")`,
			status: 503, code: "miroir_shard_unavailable", kind: "system", docs: own, retry: true,
			message: "The gateway is not available. Try again later.",
		},
		{
			when: `response.code == 504 || response.code == 408`, status: 504, code: "miroir_timeout", kind: "system",
			docs: own, message: "The request took too long.",
		},
		{
			when: `response.code in [502, 503]`, status: 503, code: "miroir_shard_unavailable", kind: "system", docs: own,
			retry: true, message: "The node that has to answer is not available. Try again later.",
		},
		{
			when: `response.code == 500`, status: 500, code: "miroir_internal", kind: "internal", docs: own,
			message: "An internal error has occurred.",
		},
		{
			when: `response.code == 431`, status: 431, code: "bad_request", kind: "invalid_request", docs: meilisearchDocs,
			message: "The request headers are too large.",
		},
		{
			when: `response.code >= 400 && response.code != 404`, code: "bad_request", kind: "invalid_request",
			docs: meilisearchDocs, message: "The request is malformed.",
		},
	}
}

// localReplies turns every failure into the shape of an error, and gives a request id to answers that were made before
// a request got one.
func (b *builder) localReplies() *hcmv3.LocalReplyConfig {
	config := &hcmv3.LocalReplyConfig{Mappers: []*hcmv3.ResponseMapper{
		// Nearly all answers are told apart by their status alone, which costs Envoy far less than an expression does.
		{Filter: successful(), HeadersToAdd: []*corev3.HeaderValueOption{ownRequestID()}},
		{Filter: b.cel(madeByGateway), HeadersToAdd: []*corev3.HeaderValueOption{ownRequestID()}},
	}}
	for _, f := range b.failures() {
		config.Mappers = append(config.Mappers, b.mapper(f))
	}
	return config
}

func (b *builder) mapper(f failure) *hcmv3.ResponseMapper {
	m := &hcmv3.ResponseMapper{
		Filter: b.cel(f.when),
		BodyFormatOverride: &corev3.SubstitutionFormatString{
			ContentType: "application/json",
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: fmt.Sprintf(
					`{"message":%q,"code":%q,"type":%q,"link":"%s#%s"}`, f.message, f.code, f.kind, f.docs, f.code)},
			}},
		},
		HeadersToAdd: []*corev3.HeaderValueOption{ownRequestID()},
	}
	if f.status != 0 {
		m.StatusCode = wrapperspb.UInt32(f.status)
	}
	if f.retry {
		m.HeadersToAdd = append(m.HeadersToAdd, setHeader("retry-after", retryAfter))
	}
	return m
}

// ownRequestID names an answer whose request had no id yet. Where it has one, Envoy writes that over it.
func ownRequestID() *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: headerRequestID, Value: "%UNIQUE_ID%"},
		AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
	}
}

// successful finds answers below 400.
func successful() *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{
		StatusCodeFilter: &accesslogv3.StatusCodeFilter{Comparison: &accesslogv3.ComparisonFilter{
			Op:    accesslogv3.ComparisonFilter_LE,
			Value: &corev3.RuntimeUInt32{DefaultValue: 399, RuntimeKey: "miroir.local_reply.successful"},
		}},
	}}
}

func (b *builder) cel(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
		ExtensionFilter: &accesslogv3.ExtensionFilter{
			Name: "envoy.access_loggers.extension_filters.cel",
			ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{
				TypedConfig: b.pack(&celv3.ExpressionFilter{Expression: expression}),
			},
		},
	}}
}

// size writes a count of bytes as Meilisearch does: binary units for multiples of 1024, decimal ones otherwise.
func size(n uint64) string {
	step, units := uint64(1000), []string{"B", "KB", "MB", "GB", "TB"}
	if n%1024 == 0 {
		step, units = 1024, []string{"B", "KiB", "MiB", "GiB", "TiB"}
	}
	value, unit := float64(n), 0
	for value >= float64(step) && unit < len(units)-1 {
		value /= float64(step)
		unit++
	}
	if value == float64(uint64(value)) {
		return fmt.Sprintf("%d %s", uint64(value), units[unit])
	}
	return fmt.Sprintf("%.2f %s", value, units[unit])
}
