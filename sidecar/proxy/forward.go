package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/strip"
)

// Deadlines and bounds.
const (
	readTimeout  = 65 * time.Second // an engine drops a waiting search after 60 s
	writeTimeout = 5 * time.Minute
	maxBody      = 100 << 20 // the largest body that clients may send
	maxError     = 1 << 20   // the largest error text that is read as a whole
)

// passedOn lists the request headers that reach the engine.
var passedOn = []string{"Content-Type", "Content-Encoding", "Accept", "Meili-Include-Metadata"}

// answered lists the response headers that come back from it.
var answered = []string{"Content-Type", "Retry-After"}

// request is one call of the engine on behalf of a leg.
type request struct {
	method string
	path   string // with its query
	header http.Header
	body   []byte
	values bool // a sorted list of documents shall tell what it was sorted by
}

func requestOf(r *http.Request, body []byte) request {
	path := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	return request{method: r.Method, path: path, header: r.Header, body: body}
}

// call sends a request to the engine. The response's body must be closed.
func (s *Server) call(ctx context.Context, q request, stream io.Reader) (*http.Response, error) {
	header := make(http.Header, len(passedOn))
	for _, name := range passedOn {
		if values := q.header[name]; len(values) > 0 && values[0] != "" {
			header[name] = values[:1]
		}
	}
	if q.values {
		header.Set("Meili-Proxy-Search", "true")
	}
	if stream == nil {
		return s.Engine.Send(ctx, q.method, q.path, header, q.body)
	}
	req, err := s.Engine.Request(ctx, q.method, q.path, stream)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	return s.Engine.Do(req)
}

// answer sends the engine's answer on, without what clients must not see.
func answer(w http.ResponseWriter, res *http.Response, kind strip.Kind, names strip.Names) error {
	defer func() { _ = res.Body.Close() }()
	for _, name := range answered {
		if v := res.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	if res.StatusCode >= http.StatusBadRequest {
		return answerError(w, res, names)
	}
	out := &reply{w: w, status: res.StatusCode}
	if kind == strip.Opaque {
		if res.ContentLength >= 0 {
			w.Header().Set("Content-Length", strconv.FormatInt(res.ContentLength, 10))
		}
		w.WriteHeader(res.StatusCode)
		if _, err := io.Copy(w, res.Body); err != nil {
			return fmt.Errorf("copy answer: %w", err)
		}
		return nil
	}
	if err := strip.Copy(out, res.Body, kind, names); err != nil {
		return fmt.Errorf("strip answer: %w", err)
	}
	return out.finish()
}

// answerError sends an error of the engine on. What is no JSON object is sent as it is.
func answerError(w http.ResponseWriter, res *http.Response, names strip.Names) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err != nil {
		return fmt.Errorf("read error: %w", err)
	}
	if clean, err := strip.Bytes(body, strip.Error, names); err == nil {
		body = clean
	}
	return send(w, res.StatusCode, body)
}

func send(w http.ResponseWriter, status int, body []byte) error {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// reply keeps the first piece of an answer back until it is known whether it is all of it, for then it has a length.
type reply struct {
	w      http.ResponseWriter
	status int
	first  []byte
	sent   bool
}

func (r *reply) Write(b []byte) (int, error) {
	if !r.sent && r.first == nil {
		r.first = append(make([]byte, 0, len(b)), b...)
		return len(b), nil
	}
	if err := r.begin(); err != nil {
		return 0, err
	}
	return r.w.Write(b)
}

func (r *reply) begin() error {
	if r.sent {
		return nil
	}
	r.sent = true
	r.w.WriteHeader(r.status)
	_, err := r.w.Write(r.first)
	return err
}

// finish sends what was kept back.
func (r *reply) finish() error {
	if r.sent {
		return nil
	}
	return send(r.w, r.status, r.first)
}

// readBody reads a body that must be looked at as a whole.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read body: %w", errors.Join(errClient, err))
	case n > maxBody:
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// errClient says that the caller's body could not be read: nobody is left to answer.
var errClient = errors.New("caller went away")

// names turns physical names into logical ones by a view. The leg's own index may have left the catalog meanwhile; its
// name still tells what it was called.
func names(v *routing.View, leg nodeapi.Leg, own string) strip.Names {
	if leg.Raw {
		return nil
	}
	return func(physical string) (string, bool) {
		if ix, ok := v.Physical[physical]; ok {
			return ix.UID, true
		}
		if physical == own {
			return logicalOf(physical)
		}
		return "", false
	}
}
