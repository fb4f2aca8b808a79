package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// patience bounds one exchange; no answer is expected to take nearly as long.
const patience = 60 * time.Second

// buffer holds what is read from the connection at once.
const buffer = 64 << 10

// Post is a request as it goes over the connection.
func Post(target, key string, body []byte) ([]byte, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		u.RequestURI(), u.Host, key, len(body))
	return append(append(head, "\r\n"...), body...), nil
}

// WithHeader is the request with one more header.
func WithHeader(request []byte, name, value string) []byte {
	end := headEnd(request)
	out := append(make([]byte, 0, len(request)+len(name)+len(value)+4), request[:end]...)
	out = fmt.Appendf(out, "%s: %s\r\n", name, value)
	return append(out, request[end:]...)
}

// headEnd is where the empty line after the headers begins.
func headEnd(request []byte) int {
	for i := 0; i+4 <= len(request); i++ {
		if string(request[i:i+4]) == "\r\n\r\n" {
			return i + 2
		}
	}
	return len(request)
}

// Conn is one connection. It is not safe for concurrent use.
type Conn struct {
	host   string
	conn   net.Conn
	reader *bufio.Reader
	used   time.Time // when something was last sent or received
}

// Dial connects to the host of a base URL.
func Dial(base string) (*Conn, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	c := &Conn{host: u.Host, reader: bufio.NewReaderSize(nil, buffer)}
	return c, c.dial()
}

func (c *Conn) dial() error {
	conn, err := net.DialTimeout("tcp", c.host, patience)
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	c.conn, c.used = conn, time.Now()
	c.reader.Reset(conn)
	return nil
}

// trusted is how long a connection without a request is taken to be open on the other side too; engines close theirs after
// five seconds.
const trusted = 2 * time.Second

// Renew connects anew where the other side may have closed the connection for want of requests. No answer may be due.
func (c *Conn) Renew() error {
	if time.Since(c.used) < trusted {
		return nil
	}
	_ = c.conn.Close() // likely closed already by the other side
	return c.dial()
}

// Send sends a prepared request.
func (c *Conn) Send(request []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	if _, err := c.conn.Write(request); err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	return nil
}

var post = &http.Request{Method: http.MethodPost}

// Receive reads the answer to the oldest request without one and copies its body to sink.
func (c *Conn) Receive(sink io.Writer) (status int, err error) {
	response, err := http.ReadResponse(c.reader, post)
	if err != nil {
		return 0, fmt.Errorf("wire: %w", err)
	}
	_, err = io.Copy(sink, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return 0, fmt.Errorf("wire: %w", err)
	}
	c.used = time.Now()
	return response.StatusCode, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }
