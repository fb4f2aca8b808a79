package extproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/miroir-search/miroir/gateway/reply"
)

// Request is a client request as Envoy hands it over.
type Request struct {
	Method string
	Path   string // without the query, percent-encoded
	Query  string // raw query without the question mark
	Header http.Header
	Body   io.Reader // never nil; reads what the client sends
}

// Handler answers a request. The reply must not be nil.
type Handler interface {
	Serve(ctx context.Context, r *Request) *reply.Reply
}

// maxMessage bounds one message of the protocol; bodies come in pieces far below it.
const maxMessage = 16 << 20

// settle is how long connections that were made in the last moment have until their requests arrive.
const settle = 100 * time.Millisecond

// leastPing is the time between two pings of Envoy that is not too little.
const leastPing = time.Second

// streamWorkers is how many goroutines wait for streams. A stream beyond them gets a goroutine of its own, whose stack has
// to grow several times before the first search is answered.
const streamWorkers = 64

// Server is the gRPC service.
type Server struct {
	pb.UnimplementedExternalProcessorServer
	handler Handler
	log     zerolog.Logger
}

// New returns a server for the handler.
func New(h Handler, log zerolog.Logger) *Server { return &Server{handler: h, log: log} }

// Serve answers streams until ctx ends. Then it takes no new ones, lets the running ones finish, for as long as drain, and
// cuts what is left. Envoy is told first: by the health of this gateway, and by its socket, which is gone from its place
// while connections made before are still taken. So no request meets a gateway that ends but has not begun with it.
func (s *Server) Serve(ctx context.Context, l *Listener, drain time.Duration) error {
	g := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage*16), grpc.MaxConcurrentStreams(1<<16),
		grpc.InitialWindowSize(1<<20), grpc.InitialConnWindowSize(16<<20), grpc.NumStreamWorkers(streamWorkers),
		// Envoy pings gateways of which it has several.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPing, PermitWithoutStream: true}))
	pb.RegisterExternalProcessorServer(g, s)
	alive := health.NewServer()
	healthpb.RegisterHealthServer(g, alive)
	stop := context.AfterFunc(ctx, func() {
		alive.Shutdown()
		l.hide()
		<-time.After(settle)
		cut := time.AfterFunc(drain, func() {
			s.log.Warn().Dur("drain_ms", drain).Msg("requests do not end, cutting them off")
			g.Stop()
		})
		defer cut.Stop()
		g.GracefulStop()
	})
	defer stop()
	if err := g.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Process handles the stream of one client request.
func (s *Server) Process(stream pb.ExternalProcessor_ProcessServer) error {
	first, err := stream.Recv()
	if err != nil {
		return ended(err)
	}
	headers := first.GetRequestHeaders()
	if headers == nil {
		return status.Error(codes.InvalidArgument, "the first message must be the request headers")
	}
	body := &bodyReader{stream: stream, done: headers.GetEndOfStream()}
	r := readRequest(headers.GetHeaders().GetHeaders(), body)
	answer := s.handler.Serve(stream.Context(), r)
	if answer.Route != nil {
		return s.route(stream, body, answer.Route)
	}
	if err := stream.Context().Err(); err != nil {
		return nil // the client is gone
	}
	return ended(stream.Send(immediate(answer)))
}

// ended maps the ways in which a stream ends without fault to nil.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
		return nil
	}
	return err
}

// readRequest copies the header list; pseudo headers become fields.
func readRequest(list []*core.HeaderValue, body io.Reader) *Request {
	r := &Request{Header: make(http.Header, len(list)), Body: body}
	values := make([]string, len(list)) // of all headers, for one allocation instead of one each
	for i, h := range list {
		value := string(h.GetRawValue())
		if value == "" {
			value = h.GetValue()
		}
		switch h.GetKey() {
		case ":method":
			r.Method = value
		case ":path":
			r.Path, r.Query = splitPath(value)
		default:
			key := canonical(h.GetKey())
			if r.Header[key] != nil {
				r.Header[key] = append(r.Header[key], value)
				continue
			}
			values[i] = value
			r.Header[key] = values[i : i+1 : i+1]
		}
	}
	return r
}

// known holds headers that net/http knows no canonical name of, and would make one anew for every request.
var known = map[string]string{
	"x-request-id": "X-Request-Id", "x-forwarded-for": "X-Forwarded-For", "x-forwarded-proto": "X-Forwarded-Proto",
	"x-miroir-client-address": "X-Miroir-Client-Address", ":authority": ":authority", ":scheme": ":scheme",
}

func canonical(name string) string {
	if key, ok := known[name]; ok {
		return key
	}
	return http.CanonicalHeaderKey(name)
}

func splitPath(target string) (path, query string) {
	for i := range len(target) {
		if target[i] == '?' {
			return target[:i], target[i+1:]
		}
	}
	return target, ""
}
