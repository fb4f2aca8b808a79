package dataplane

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Requests tell the stand-in what to do with them in these headers.
const (
	askTarget = "x-test-target" // cluster to go to
	askPath   = "x-test-path"   // path to go with
	askReply  = "x-test-reply"  // status to answer with at once
	askMutate = "x-test-mutate" // header to set on the request
	askCount  = "x-test-count"  // read the whole body first, then answer with its length
	askRefuse = "x-test-refuse" // answer 400 once this many bytes of the body came
	askHold   = "x-test-hold"   // keep the request until the gateway is told to let go
)

// standIn is a gateway that does as each request says, and remembers the headers it saw.
type standIn struct {
	extprocv3.UnimplementedExternalProcessorServer
	server  *grpc.Server
	breakAt int // bytes of a body after which requests are broken off, 0 for never

	held chan struct{} // one value per request that is kept
	free chan struct{} // closed to let them go
	gone chan struct{} // one value per kept request whose stream ended first

	mu   sync.Mutex
	seen []map[string]string
}

func startGateway(t *testing.T, socket string) *standIn {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	g := &standIn{server: grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true})), held: make(chan struct{}, 16), free: make(chan struct{}),
		gone: make(chan struct{}, 16)}
	extprocv3.RegisterExternalProcessorServer(g.server, g)
	healthpb.RegisterHealthServer(g.server, health.NewServer())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := g.server.Serve(listener); err != nil {
			t.Errorf("gateway stand-in: %v", err)
		}
	}()
	t.Cleanup(func() {
		g.server.Stop()
		<-done
	})
	return g
}

// last is what the most recent request looked like to the gateway.
func (g *standIn) last(t *testing.T) map[string]string {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.seen) == 0 {
		t.Fatal("the gateway saw no request")
	}
	return g.seen[len(g.seen)-1]
}

func (g *standIn) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

func (g *standIn) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	var headers map[string]string
	received := 0
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) || stream.Context().Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if h := msg.GetRequestHeaders(); h != nil {
			headers = g.note(h)
			if headers[askHold] != "" {
				g.held <- struct{}{}
				select {
				case <-g.free:
				case <-stream.Context().Done():
					g.gone <- struct{}{}
					return nil
				}
			}
		}
		received += len(msg.GetRequestBody().GetBody())
		if g.breakAt > 0 && received >= g.breakAt {
			return status.Error(codes.Unavailable, "broken off")
		}
		answer, err := g.decide(headers, received, msg)
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		if err := stream.Send(answer); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
}

// decide gives the answer to one message, nil when it needs none yet.
func (g *standIn) decide(headers map[string]string, received int, msg *extprocv3.ProcessingRequest) (*extprocv3.ProcessingResponse, error) {
	if headers[askCount] != "" {
		if !msg.GetRequestBody().GetEndOfStream() {
			return nil, nil
		}
		return immediate(200, strconv.Itoa(received)), nil
	}
	if refuse := headers[askRefuse]; refuse != "" {
		if limit, err := strconv.Atoi(refuse); err != nil || received < limit {
			return nil, err
		}
		return immediate(400, `{"from":"gateway"}`), nil
	}
	answer := g.answer(headers, msg)
	if answer == nil {
		return nil, fmt.Errorf("unexpected message %T", msg.GetRequest())
	}
	return answer, nil
}

func (g *standIn) note(h *extprocv3.HttpHeaders) map[string]string {
	headers := map[string]string{}
	for _, v := range h.GetHeaders().GetHeaders() {
		headers[v.GetKey()] = string(v.GetRawValue())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, headers)
	return headers
}

func immediate(status int32, body string) *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(status)},
			Headers: &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{set("content-type", "application/json")}},
			Body:    []byte(body),
		},
	}}
}

func (g *standIn) answer(headers map[string]string, msg *extprocv3.ProcessingRequest) *extprocv3.ProcessingResponse {
	switch r := msg.GetRequest().(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		return onHeaders(headers)
	case *extprocv3.ProcessingRequest_RequestBody:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestBody{
			RequestBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{
				BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_StreamedResponse{
					StreamedResponse: &extprocv3.StreamedBodyResponse{
						Body: r.RequestBody.GetBody(), EndOfStream: r.RequestBody.GetEndOfStream(),
					},
				}},
			}},
		}}
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestTrailers{
			RequestTrailers: &extprocv3.TrailersResponse{},
		}}
	default:
		return nil
	}
}

// onHeaders answers at once or hands the request on, with the changes that it asks for.
func onHeaders(headers map[string]string) *extprocv3.ProcessingResponse {
	if status := headers[askReply]; status != "" {
		code, err := strconv.ParseInt(status, 10, 32)
		if err != nil {
			return nil
		}
		return immediate(int32(code), `{"from":"gateway"}`)
	}
	mutation := &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{set("authorization", "Bearer node-key")}}
	if target := headers[askTarget]; target != "" {
		mutation.SetHeaders = append(mutation.SetHeaders, set("x-miroir-target", target), set("x-miroir-leg-epoch", "7"))
	}
	if path := headers[askPath]; path != "" {
		mutation.SetHeaders = append(mutation.SetHeaders, set(":path", path))
	}
	if name, value, found := strings.Cut(headers[askMutate], "="); found {
		mutation.SetHeaders = append(mutation.SetHeaders, set(name, value))
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{
			HeaderMutation: mutation, ClearRouteCache: true,
		}},
	}}
}

func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, RawValue: []byte(value)},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
