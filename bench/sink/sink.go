package sink

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Sink is a sink before one sidecar.
type Sink struct {
	swallowed atomic.Int64
	tasks     atomic.Int64
	server    *http.Server
	address   string
}

// readTimeout bounds the head of a request.
const readTimeout = 10 * time.Second

// Listen opens a sink on a free port. behind tells where the sidecar listens, as soon as that is known.
func Listen(behind func() (address string, err error)) (*Sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s := &Sink{address: listener.Addr().String()}
	onward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", s.address
			if address, err := behind(); err == nil {
				r.Out.URL.Host = address
			} // else the request goes in circles once, and fails
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s.server = &http.Server{ReadHeaderTimeout: readTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case documents(r):
			s.swallow(w, r)
		case r.Header.Get(once) != "":
			w.WriteHeader(http.StatusBadGateway)
		default:
			r.Header.Set(once, "1")
			onward.ServeHTTP(w, r)
		}
	})}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// once marks what went through a sink already.
const once = "X-Sink"

// documents says whether a request is a leg that brings documents.
func documents(r *http.Request) bool {
	return (r.Method == http.MethodPost || r.Method == http.MethodPut) && strings.HasSuffix(r.URL.Path, "/documents") &&
		r.Header.Get(nodeapi.HeaderDispatch) != ""
}

func (s *Sink) swallow(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	s.swallowed.Add(n)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, `{"taskUid":%d,"indexUid":"sink","status":"enqueued","type":"documentAdditionOrUpdate","enqueuedAt":"2026-01-01T00:00:00Z"}`,
		s.tasks.Add(1)+1_000_000)
}

// Address is where the sink listens, host:port.
func (s *Sink) Address() string { return s.address }

// Swallowed is the number of bytes of documents so far.
func (s *Sink) Swallowed() int64 { return s.swallowed.Load() }

// Close ends the sink.
func (s *Sink) Close() error {
	if err := s.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("sink: %w", err)
	}
	return nil
}
