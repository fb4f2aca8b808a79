package httpconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"time"
)

// ErrTooLarge says that a body is longer than it may be.
var ErrTooLarge = errors.New("answer larger than allowed")

var errMalformed = errors.New("malformed")

// readBuffer holds the head of an answer and mostly all of a page of hits.
const readBuffer = 16 << 10

// conn is one connection.
type conn struct {
	net   net.Conn
	in    *bufio.Reader
	since time.Time // when it became idle
	note  string    // of the last answer
}

func newConn(c net.Conn) *conn { return &conn{net: c, in: bufio.NewReaderSize(c, readBuffer)} }

// Response is an answer whose head was read. Close it.
type Response struct {
	Status      int
	ContentType string
	RetryAfter  string
	Note        string // value of the header that the pool's options name
	Length      int64  // of the body; -1 when it is not known

	ctx   context.Context
	pool  *Pool
	conn  *conn
	stop  func() bool
	body  io.Reader // nil once it was read to its end
	again bool      // the connection may be used for another exchange
	ended bool
}

// past ends reads and writes at once when it is set as deadline.
var past = time.Unix(1, 0)

// Do sends a request and reads the head of the answer. ctx rules until the response is closed. An error means that no
// answer came; whether the other side acted on the request is then unknown.
func (p *Pool) Do(ctx context.Context, r *Request) (*Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	c, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	res := &Response{ctx: ctx, pool: p, conn: c}
	res.stop = context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(past) })
	if _, err = c.net.Write(r.bytes); err == nil {
		err = res.open()
	}
	if err != nil {
		err = res.reason(err)
		_ = res.Close()
		return nil, err
	}
	return res, nil
}

// open reads the head and prepares the body.
func (r *Response) open() error {
	h, err := readHead(r.conn.in, r.pool.options.Note, r.conn.note)
	if err != nil {
		return err
	}
	r.Note, r.conn.note = h.note, h.note
	r.Status, r.ContentType, r.RetryAfter, r.Length = h.status, h.contentType, h.retryAfter, h.length
	r.again = !h.close
	switch {
	case h.bodiless():
		r.Length = 0
	case h.chunked:
		r.body = &chunks{in: r.conn.in, r: httputil.NewChunkedReader(r.conn.in)}
	case h.length < 0: // the end of the connection is the end of the body
		r.again, r.body = false, r.conn.in
	case h.length > 0:
		r.body = &io.LimitedReader{R: r.conn.in, N: h.length}
	}
	return nil
}

// Read reads the body.
func (r *Response) Read(p []byte) (int, error) {
	if r.body == nil {
		return 0, io.EOF
	}
	n, err := r.body.Read(p)
	if limited, ok := r.body.(*io.LimitedReader); ok {
		switch {
		case limited.N == 0: // told with the last bytes, so that the reader need not ask once more
			r.body = nil
			return n, io.EOF
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		r.body = nil
	case err != nil:
		r.again = false
		err = r.reason(err)
	}
	return n, err
}

// All reads the whole body, which must not be longer than limit.
func (r *Response) All(limit int64) ([]byte, error) {
	if r.Length > limit {
		return nil, ErrTooLarge
	}
	if r.Length >= 0 {
		body := make([]byte, r.Length)
		_, err := io.ReadFull(r, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, ErrTooLarge
	}
	return body, err
}

// Close ends the exchange. The connection is kept when the body was read to its end.
func (r *Response) Close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	inTime := r.stop()
	r.pool.give(r.conn, inTime && r.again && r.body == nil && r.conn.in.Buffered() == 0)
	return nil
}

// reason tells the end of the context rather than what it did to the connection.
func (r *Response) reason(err error) error {
	if cause := context.Cause(r.ctx); cause != nil {
		return cause
	}
	return fmt.Errorf("exchange: %w", err)
}

// chunks reads a chunked body with its trailer.
type chunks struct {
	in *bufio.Reader
	r  io.Reader
}

// Read implements io.Reader.
func (c *chunks) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if errors.Is(err, io.EOF) {
		for {
			line, errLine := readLine(c.in)
			if errLine != nil {
				return n, unexpected(errLine)
			}
			if len(line) == 0 {
				break
			}
			if _, _, errField := field(line); errField != nil {
				return n, errField
			}
		}
	}
	return n, err
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
