package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/httpconn"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// Options bound the connections and answers of a Client. Zero values take the defaults of the configuration page.
type Options struct {
	NodeKey     string
	MaxIdle     int           // idle connections per node, default 32
	MaxConns    int           // connections per node, default 128
	MaxWaiting  int           // small requests per node that wait for a connection, beyond which it is httpconn.ErrBusy; default 1024
	IdleTimeout time.Duration // default 60 s
	MaxAnswer   int64         // bytes of one buffered answer, beyond which it is httpconn.ErrTooLarge; default 256 MiB
}

// Client sends legs. It is safe for concurrent use. Small requests go over connections of their own kind; uploads, long
// ones and those to other addresses than plain http take net/http.
type Client struct {
	http      *http.Client
	small     pools
	bearer    string
	maxAnswer int64
}

// trust is how long an idle connection needs no look: a sidecar does not come back sooner after its end.
const trust = 50 * time.Millisecond

// New returns a client with its own connection pool.
func New(o Options) *Client {
	if o.MaxIdle == 0 {
		o.MaxIdle = 32
	}
	if o.MaxConns == 0 {
		o.MaxConns = 128
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = 1024
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = time.Minute
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = 256 << 20
	}
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}
	return &Client{
		http: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, MaxIdleConnsPerHost: o.MaxIdle, MaxConnsPerHost: o.MaxConns,
				IdleConnTimeout: o.IdleTimeout, DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		small: pools{options: httpconn.Options{
			MaxConns: o.MaxConns, MaxWaiting: o.MaxWaiting, MaxIdle: o.MaxIdle, IdleTimeout: o.IdleTimeout, Trust: trust, DialTimeout: dialer.Timeout,
			Note: nodeapi.HeaderSettings,
		}},
		bearer:    "Bearer " + o.NodeKey,
		maxAnswer: o.MaxAnswer,
	}
}

// Close ends idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.small.close()
}

// Request is one leg to one node.
type Request struct {
	Address     string // base URL of the sidecar
	Method      string
	Path        string // path with query, as the sidecar shall see it
	Leg         nodeapi.Leg
	ContentType string    // empty for none
	Body        []byte    // sent as it is; ignored when Stream is set
	Stream      io.Reader // read once; closed by nobody
	StreamSize  int64     // -1 when unknown
}

// Answer is a node's answer, read whole.
type Answer struct {
	Status   int
	Body     []byte
	Settings string // nodeapi.HeaderSettings
}

// Do sends the leg and reads the whole answer. An error means that no complete answer came; whether the node acted on
// the leg is then unknown.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if r.Stream == nil && httpconn.Fits(r.Path, len(r.Body)) {
		if p := c.small.of(r.Address); p != nil {
			return c.doSmall(ctx, p, r)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(r.Address, "/")+r.Path, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("leg: %w", err)
	}
	switch {
	case r.Stream != nil && r.StreamSize == 0: // no body at all, which is not a body of unknown length
	case r.Stream != nil:
		req.Body, req.ContentLength = io.NopCloser(r.Stream), r.StreamSize
	case len(r.Body) > 0:
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
	}
	r.Leg.Set(req.Header)
	req.Header.Set("Authorization", c.bearer)
	if id := telemetry.RequestOf(ctx); id != "" {
		req.Header.Set(telemetry.HeaderRequest, id)
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("leg: %w", withoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := readAll(res, c.maxAnswer)
	if err != nil {
		return Answer{}, fmt.Errorf("leg answer: %w", err)
	}
	return Answer{Status: res.StatusCode, Body: body, Settings: res.Header.Get(nodeapi.HeaderSettings)}, nil
}

// doSmall sends a request whose body is small and at hand.
func (c *Client) doSmall(ctx context.Context, p *peer, r Request) (Answer, error) {
	req := httpconn.NewRequest(r.Method, r.Path, p.host)
	defer req.Release()
	r.Leg.Each(req.Header)
	req.Header("Authorization", c.bearer)
	if id := telemetry.RequestOf(ctx); id != "" {
		req.Header(telemetry.HeaderRequest, id)
	}
	if r.ContentType != "" {
		req.Header("Content-Type", r.ContentType)
	}
	req.Body(r.Body)
	res, err := p.pool.Do(ctx, req)
	if err != nil {
		return Answer{}, fmt.Errorf("leg: %w", err)
	}
	defer func() { _ = res.Close() }()
	body, err := res.All(c.maxAnswer)
	if err != nil {
		return Answer{}, fmt.Errorf("leg answer: %w", err)
	}
	return Answer{Status: res.Status, Body: body, Settings: res.Note}, nil
}

// withoutURL drops the URL from an http error: it may hold document ids or query text.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func readAll(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, httpconn.ErrTooLarge
	}
	if res.ContentLength >= 0 {
		body := make([]byte, res.ContentLength)
		_, err := io.ReadFull(res.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, httpconn.ErrTooLarge
	}
	return body, err
}

// Dispatches asks a node what became of the given dispatches; the answer has one entry for each, in order.
func (c *Client) Dispatches(ctx context.Context, address string, ids []string) ([]nodeapi.Dispatch, error) {
	return c.AwaitDispatches(ctx, address, ids, 0)
}

// AwaitDispatches is Dispatches that the node answers when all of them that it knows have ended, or after some time, a
// minute at most.
func (c *Client) AwaitDispatches(ctx context.Context, address string, ids []string, patience time.Duration) ([]nodeapi.Dispatch, error) {
	path := nodeapi.PathDispatches + "?ids=" + url.QueryEscape(strings.Join(ids, ","))
	if patience > 0 {
		path += "&wait_ms=" + strconv.FormatInt(min(patience, time.Minute).Milliseconds(), 10)
	}
	a, err := c.Do(ctx, Request{Address: address, Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	var out nodeapi.Dispatches
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("dispatches: node answered %d", a.Status)
	}
	if err := json.Unmarshal(a.Body, &out); err != nil {
		return nil, fmt.Errorf("dispatches: %w", err)
	}
	if len(out.Dispatches) != len(ids) {
		return nil, fmt.Errorf("dispatches: %d answers for %d ids", len(out.Dispatches), len(ids))
	}
	return out.Dispatches, nil
}

// Status asks a sidecar for its own state.
func (c *Client) Status(ctx context.Context, address string) (nodeapi.Status, error) {
	var s nodeapi.Status
	a, err := c.Do(ctx, Request{Address: address, Method: http.MethodGet, Path: nodeapi.PathStatus})
	if err != nil {
		return s, err
	}
	if a.Status != http.StatusOK {
		return s, fmt.Errorf("status: node answered %d", a.Status)
	}
	return s, json.Unmarshal(a.Body, &s)
}
