package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	brotliv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/brotli/compressor/v3"
	gzipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/gzip/compressor/v3"
	compressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/compressor/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Speed before size: an answer is compressed while somebody waits for it.
const brotliQuality = 3

// compressible are the kinds of answers worth it. Event streams are not among them: they must leave at once.
var compressible = []string{
	"application/javascript", "application/json", "application/x-ndjson", "image/svg+xml", "text/css", "text/html",
	"text/javascript", "text/plain",
}

// compression packs answers for clients that ask for it, brotli before gzip as Meilisearch prefers. Answers that came
// packed from a node pass as they are. Request bodies are never unpacked here: Envoy hands on what it got so far when a
// packed body is damaged, and half of a batch would be indexed without anybody noticing.
func (b *builder) compression() []*hcmv3.HttpFilter {
	if !b.cfg.Compression.Enabled {
		return nil
	}
	return []*hcmv3.HttpFilter{
		b.filter(filterBrotli, b.compressor("brotli", &brotliv3.Brotli{Quality: wrapperspb.UInt32(brotliQuality)}, true)),
		b.filter(filterGzip, b.compressor("gzip", &gzipv3.Gzip{CompressionLevel: gzipv3.Gzip_BEST_SPEED}, false)),
	}
}

func (b *builder) compressor(name string, library proto.Message, first bool) *compressorv3.Compressor {
	return &compressorv3.Compressor{
		CompressorLibrary: &corev3.TypedExtensionConfig{Name: name, TypedConfig: b.pack(library)},
		ChooseFirst:       first,
		ResponseDirectionConfig: &compressorv3.Compressor_ResponseDirectionConfig{
			CommonConfig: &compressorv3.Compressor_CommonDirectionConfig{
				MinContentLength:   wrapperspb.UInt32(b.cfg.Compression.MinBytes),
				ContentTypeMatcher: contentTypes(),
			},
		},
	}
}

func contentTypes() []*matcherv3.StringMatcher {
	var list []*matcherv3.StringMatcher
	for _, kind := range compressible {
		list = append(list, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: kind}})
	}
	return list
}
