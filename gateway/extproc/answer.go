package extproc

import (
	"errors"
	"io"
	"net/http"
	"slices"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// immediate makes Envoy answer the client itself.
func immediate(r *reply.Reply) *pb.ProcessingResponse {
	return &pb.ProcessingResponse{Response: &pb.ProcessingResponse_ImmediateResponse{ImmediateResponse: &pb.ImmediateResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.Status)}, //nolint:gosec // an HTTP status
		Headers: &pb.HeaderMutation{SetHeaders: headerOptions(r.Header)},
		Body:    r.Body,
	}}}
}

func headerOptions(h http.Header) []*core.HeaderValueOption {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]*core.HeaderValueOption, 0, len(names))
	for _, name := range names {
		for _, v := range h[name] {
			out = append(out, &core.HeaderValueOption{
				Header:       &core.HeaderValue{Key: name, RawValue: []byte(v)},
				AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			})
		}
	}
	return out
}

// route tells Envoy where to send the request and hands every piece of its body back unchanged.
func (s *Server) route(stream pb.ExternalProcessor_ProcessServer, body *bodyReader, to *reply.Route) error {
	set := to.Set.Clone()
	if set == nil {
		set = http.Header{}
	}
	set.Set(nodeapi.HeaderTarget, to.Cluster)
	options := headerOptions(set)
	options = append(options, &core.HeaderValueOption{
		Header:       &core.HeaderValue{Key: ":path", RawValue: []byte(to.Path)},
		AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	})
	err := stream.Send(&pb.ProcessingResponse{Response: &pb.ProcessingResponse_RequestHeaders{RequestHeaders: &pb.HeadersResponse{
		Response: &pb.CommonResponse{
			HeaderMutation:  &pb.HeaderMutation{SetHeaders: options, RemoveHeaders: to.Remove},
			ClearRouteCache: true,
		},
	}}})
	if err != nil {
		return ended(err)
	}
	return s.echo(stream, body)
}

// echo returns the request body to Envoy as it comes in. It ends with the stream.
func (s *Server) echo(stream pb.ExternalProcessor_ProcessServer, body *bodyReader) error {
	for !body.done {
		if err := body.next(); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return ended(errors.Unwrap(err))
		}
		piece := body.rest
		body.rest = nil
		err := stream.Send(&pb.ProcessingResponse{Response: &pb.ProcessingResponse_RequestBody{RequestBody: &pb.BodyResponse{
			Response: &pb.CommonResponse{BodyMutation: &pb.BodyMutation{Mutation: &pb.BodyMutation_StreamedResponse{
				StreamedResponse: &pb.StreamedBodyResponse{Body: piece, EndOfStream: body.done},
			}}},
		}}})
		if err != nil {
			return ended(err)
		}
	}
	for { // Envoy closes the stream when it needs nothing more
		if _, err := stream.Recv(); err != nil {
			return ended(err)
		}
	}
}
