package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/rs/zerolog"
)

// HeaderRequest carries the id of a client's request, on it, on its answer and on all that is asked because of it (HD, LO-2).
const HeaderRequest = "X-Request-Id"

// maxRequest bounds an id, in bytes.
const maxRequest = 64

// requestKey is the key of a context's request id.
type requestKey struct{}

// WithRequest is a context of a request. One whose id is none by the rules of the header stays without.
func WithRequest(ctx context.Context, id string) context.Context {
	if !IsRequest(id) {
		return ctx
	}
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestOf is the id of the request that something is done for, empty for background work.
func RequestOf(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// IsRequest says whether a text may be the id of a request: 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen.
func IsRequest(id string) bool {
	if id == "" || len(id) > maxRequest {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// NewRequest makes an id: eight hexadecimal digits.
func NewRequest() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}

// named puts the id of the request on lines that were given its context.
type named struct{}

// Run implements zerolog.Hook.
func (named) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	if id := RequestOf(e.GetCtx()); id != "" {
		e.Str("request_id", id)
	}
}
