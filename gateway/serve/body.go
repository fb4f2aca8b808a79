package serve

import (
	"errors"
	"io"

	"github.com/miroir-search/miroir/gateway/body"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// bodyReader is the request's body, decompressed and bounded. The bound counts decompressed bytes, as Meilisearch does.
func (s *Service) bodyReader(c *call) *body.Reader {
	return body.New(c.Body, c.Header.Get("Content-Encoding"), s.Limits.MaxBody)
}

// readBody reads a JSON route's whole body after its content type was found good.
func (s *Service) readBody(c *call) ([]byte, *apierr.Error) {
	if e := meili.CheckJSONContentType(c.Header.Get("Content-Type")); e != nil {
		return nil, e
	}
	if c.body != nil {
		return c.body, nil
	}
	raw, err := io.ReadAll(s.bodyReader(c))
	if err == nil {
		c.body = raw
		return raw, nil
	}
	var corrupt *body.Corrupt
	cause := "None"
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return nil, apierr.New(apierr.PayloadTooLarge, "JSON payload has exceeded limit (%d bytes).", s.Limits.MaxBody)
	case errors.As(err, &corrupt):
		cause = corrupt.Detail
	}
	return nil, apierr.New(apierr.BadRequest, "Error that occur during reading payload: payload reached EOF before completing: %s", cause)
}

// payloadError is the answer to a document payload that could not be read.
func (s *Service) payloadError(err error) *apierr.Error {
	if errors.Is(err, body.ErrTooLarge) {
		return meili.PayloadTooLarge(s.Limits.MaxBody)
	}
	return apierr.New(apierr.BadRequest, "The provided payload is incomplete and cannot be parsed")
}
