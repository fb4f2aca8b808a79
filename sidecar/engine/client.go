package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/httpconn"
)

// Deadlines and bounds of calls.
const (
	callTimeout = 30 * time.Second
	dialTimeout = 2 * time.Second
	maxAnswer   = 64 << 20 // largest answer that the sidecar reads for itself
	maxIdle     = 512      // kept-alive connections
	maxConns    = 4096     // small requests at once
	idleTimeout = 90 * time.Second
	trust       = 50 * time.Millisecond // an engine does not come back sooner after its end
)

// ErrUnreachable says that no answer came from the engine.
var ErrUnreachable = errors.New("engine unreachable")

// Error is an answer of the engine that is no success.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error leaves the message out: it may quote what clients sent.
func (e *Error) Error() string { return fmt.Sprintf("engine answered %d %s", e.Status, e.Code) }

// Is reports whether err is an engine answer with the code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// Client talks to one engine. It is safe for concurrent use.
type Client struct {
	base string
	auth string
	http *http.Client

	breaks atomic.Uint64

	host  string
	small *httpconn.Pool // nil for an engine that is not reached over plain http
}

// New returns a client of the engine at a base URL. key may be empty for an engine without a master key.
func New(base, key string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("engine url must be http://host:port or https://host:port")
	}
	c := &Client{base: strings.TrimSuffix(base, "/")}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:         c.dial,
			MaxIdleConns:        maxIdle,
			MaxIdleConnsPerHost: maxIdle,
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true,
			ForceAttemptHTTP2:   false,
			WriteBufferSize:     64 << 10,
			ReadBufferSize:      64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if key != "" {
		c.auth = "Bearer " + key
	}
	if host, ok := httpconn.Host(c.base); ok {
		c.host = host
		c.small = httpconn.NewPool(host, httpconn.Options{
			MaxConns: maxConns, MaxIdle: maxIdle, IdleTimeout: idleTimeout, Trust: trust, DialTimeout: dialTimeout,
		})
	}
	return c, nil
}

// Request prepares a request for a path, with its query, under the engine's key.
func (c *Client) Request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("engine request: %w", err)
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	return req, nil
}

// Do sends a prepared request. Without an answer the error is ErrUnreachable.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	before(req.Method, req.URL.Path)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, errors.Join(ErrUnreachable, err)
	}
	after(req.Method, req.URL.Path)
	return res, nil
}

// Send sends a request whose body, if any, is at hand. The response has those headers that a sidecar sends on:
// Content-Type and Retry-After. Without an answer the error is ErrUnreachable.
func (c *Client) Send(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	if c.small == nil || !httpconn.Fits(path, len(body)) {
		req, err := c.Request(ctx, method, path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		maps.Copy(req.Header, header)
		return c.Do(req)
	}
	req := httpconn.NewRequest(method, path, c.host)
	defer req.Release()
	if c.auth != "" {
		req.Header("Authorization", c.auth)
	}
	for name, values := range header {
		for _, value := range values {
			req.Header(name, value)
		}
	}
	req.Body(body)
	before(method, path)
	res, err := c.small.Do(ctx, req)
	if err != nil {
		if ctx.Err() == nil {
			c.breaks.Add(1)
		}
		return nil, errors.Join(ErrUnreachable, err)
	}
	after(method, path)
	out := &http.Response{StatusCode: res.Status, Header: http.Header{}, Body: res, ContentLength: res.Length}
	if res.ContentType != "" {
		out.Header["Content-Type"] = []string{res.ContentType}
	}
	if res.RetryAfter != "" {
		out.Header["Retry-After"] = []string{res.RetryAfter}
	}
	return out, nil
}

// Call sends in as JSON and decodes the answer into out; either may be nil.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("engine request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := c.Request(ctx, method, path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return errors.Join(ErrUnreachable, err)
	case len(data) > maxAnswer:
		return errors.New("engine answer is too large")
	case res.StatusCode >= http.StatusMultipleChoices:
		e := &Error{Status: res.StatusCode}
		_ = json.Unmarshal(data, e) // an answer without a code is told by its status
		return e
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("engine answer: %w", err)
	}
	return nil
}
