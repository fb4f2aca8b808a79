package body

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// ErrTooLarge ends a body that is longer than its limit.
var ErrTooLarge = errors.New("body too large")

// Corrupt says that a body is not what its content encoding says. Detail is the cause as Meilisearch prints it.
type Corrupt struct{ Detail string }

// Error implements error.
func (c *Corrupt) Error() string { return "body is corrupt" }

// Reader reads a body. It may hold memory of its decoder until it was read to its end or is closed.
type Reader struct {
	src     *source
	decoder io.Reader
	open    func(*bufio.Reader) (io.Reader, error) // not called before the first byte is wanted
	left    int64
	err     error
}

// source remembers how its reader failed, for decoders report their own errors instead.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// New reads a body of the given content encoding, at most limit bytes of what it decodes to: beyond them it fails with
// ErrTooLarge.
func New(raw io.Reader, encoding string, limit int64) *Reader {
	r := &Reader{src: &source{r: raw}, left: limit}
	if r.open = openers[strings.ToLower(strings.TrimSpace(encoding))]; r.open == nil {
		r.decoder = r.src
	}
	return r
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.decoder == nil {
		if r.decoder, r.err = r.open(bufio.NewReaderSize(r.src, 32<<10)); r.err != nil {
			r.err = r.cause(r.err)
			return 0, r.err
		}
	}
	n, err := r.decoder.Read(p)
	if r.left -= int64(n); r.left < 0 {
		n, err = 0, ErrTooLarge
	}
	if err != nil {
		r.err = r.cause(err)
		r.Close()
	}
	return n, r.err
}

// cause is the error of the body's own reader, if that was the reason.
func (r *Reader) cause(err error) error {
	if r.src.err != nil {
		return r.src.err
	}
	return err
}

// Close gives up the decoder.
func (r *Reader) Close() {
	if c, ok := r.decoder.(interface{ Close() }); ok {
		c.Close()
	}
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
}
