package serve

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// errTooLarge ends a body that exceeds its limit.
var errTooLarge = errors.New("body too large")

// limited reads at most left bytes and then fails, unlike io.LimitReader, which would pretend that the body ended.
type limited struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// bodyReader is the request's body, decompressed and bounded. The bound counts decompressed bytes, as Meilisearch does.
func (s *Service) bodyReader(c *call) (io.Reader, *apierr.Error) {
	r := c.Body
	switch enc := strings.ToLower(strings.TrimSpace(c.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, apierr.New(apierr.BadRequest, "The body is not valid gzip.")
		}
		r = z
	case "deflate":
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, apierr.New(apierr.BadRequest, "The body is not valid deflate.")
		}
		r = z
	default:
		return nil, apierr.New(apierr.MiroirNotImplemented, "The content encoding `%s` is not implemented yet.", enc)
	}
	return &limited{r: r, left: s.Limits.MaxBody}, nil
}

// readBody reads a JSON route's whole body after its content type was found good.
func (s *Service) readBody(c *call) ([]byte, *apierr.Error) {
	if e := meili.CheckJSONContentType(c.Header.Get("Content-Type")); e != nil {
		return nil, e
	}
	r, e := s.bodyReader(c)
	if e != nil {
		return nil, e
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, bodyError(err, s.Limits.MaxBody)
	}
	return body, nil
}

func bodyError(err error, limit int64) *apierr.Error {
	if errors.Is(err, errTooLarge) {
		return meili.PayloadTooLarge(limit)
	}
	return apierr.New(apierr.BadRequest, "The body could not be read to its end.")
}
