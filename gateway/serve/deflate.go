package serve

import (
	"bytes"
	"compress/zlib"
	"net/http"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/gateway/reply"
)

// Envoy packs answers by brotli and by gzip, and knows no deflate. One Meilisearch does, and the official Go package, told to use
// it, reads nothing else.

// minDeflated is the length in bytes below which answers leave as they are, as at Envoy.
const minDeflated = 30

// deflates says whether a client takes answers packed by deflate, and by nothing that Envoy packs by.
func (c *call) deflates() bool {
	taken := strings.FieldsFunc(strings.ToLower(strings.Join(c.Header.Values("Accept-Encoding"), ",")), func(r rune) bool { return r == ',' || r == ' ' })
	others := func(coding string) bool {
		return !strings.HasPrefix(coding, "deflate") && coding != "identity" && !strings.HasPrefix(coding, "q=")
	}
	return slices.ContainsFunc(taken, func(coding string) bool { return coding == "deflate" || coding == "deflate;q=1" }) && !slices.ContainsFunc(taken, others)
}

// deflate packs an answer for a client that can not get another packing.
func (c *call) deflate(r *reply.Reply) *reply.Reply {
	if r.Route != nil || len(r.Body) < minDeflated || !c.deflates() {
		return r
	}
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	if err != nil { // the level is one
		return r
	}
	if _, err = w.Write(r.Body); err == nil {
		err = w.Close()
	}
	if err != nil { // a buffer takes everything
		return r
	}
	packed := *r // others may share the answer
	packed.Body, packed.Header = b.Bytes(), r.Header.Clone()
	if packed.Header == nil {
		packed.Header = http.Header{}
	}
	packed.Header.Set("Content-Encoding", "deflate")
	packed.Header.Add("Vary", "Accept-Encoding")
	return &packed
}
