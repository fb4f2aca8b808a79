package server

import (
	"context"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/genproto/googleapis/rpc/status"

	"github.com/miroir-search/miroir/xds/snapshot"
)

// maxDetail bounds what is logged of an Envoy's explanation. Snapshots hold no secret, so an explanation cannot either.
const maxDetail = 512

// callbacks feeds the ledger from what happens on streams.
func (s *Server) callbacks() serverv3.Callbacks {
	return serverv3.CallbackFuncs{
		StreamOpenFunc:   func(_ context.Context, id int64, _ string) error { return s.onOpen(streamID{id: id}) },
		StreamClosedFunc: func(id int64, _ *corev3.Node) { s.onClose(streamID{id: id}) },
		StreamRequestFunc: func(id int64, req *discoveryv3.DiscoveryRequest) error {
			s.onRequest(streamID{id: id}, req)
			return nil
		},
		StreamResponseFunc: func(_ context.Context, id int64, _ *discoveryv3.DiscoveryRequest, resp *discoveryv3.DiscoveryResponse) {
			s.onResponse(streamID{id: id}, resp.GetTypeUrl(), resp.GetNonce(), resp.GetVersionInfo())
		},
		DeltaStreamOpenFunc: func(_ context.Context, id int64, _ string) error {
			return s.onOpen(streamID{delta: true, id: id})
		},
		DeltaStreamClosedFunc: func(id int64, _ *corev3.Node) { s.onClose(streamID{delta: true, id: id}) },
		StreamDeltaRequestFunc: func(id int64, req *discoveryv3.DeltaDiscoveryRequest) error {
			s.onDeltaRequest(streamID{delta: true, id: id}, req)
			return nil
		},
		StreamDeltaResponseFunc: func(id int64, _ *discoveryv3.DeltaDiscoveryRequest, resp *discoveryv3.DeltaDiscoveryResponse) {
			s.onResponse(streamID{delta: true, id: id}, resp.GetTypeUrl(), resp.GetNonce(), resp.GetSystemVersionInfo())
		},
	}
}

func (s *Server) onOpen(id streamID) error {
	s.ledger.open(id)
	s.metrics.streams.Inc()
	return nil
}

func (s *Server) onClose(id streamID) {
	s.ledger.close(id)
	s.metrics.streams.Dec()
}

func (s *Server) onRequest(id streamID, req *discoveryv3.DiscoveryRequest) {
	s.ledger.identify(id, req.GetNode().GetId())
	if req.GetResponseNonce() == "" {
		return
	}
	revision, known := s.settle(id, req.GetTypeUrl(), req.GetResponseNonce(), req.GetErrorDetail())
	if known && req.GetErrorDetail() != nil {
		// The version in a refusal is the one before. Left so, the library would offer the refused version again at
		// once, and again, as fast as both can; told that Envoy has it, it waits for the next.
		req.VersionInfo = revision
	}
}

func (s *Server) onDeltaRequest(id streamID, req *discoveryv3.DeltaDiscoveryRequest) {
	s.ledger.identify(id, req.GetNode().GetId())
	if req.GetResponseNonce() == "" {
		s.ledger.resume(id, req.GetTypeUrl(), req.GetInitialResourceVersions())
		return
	}
	s.settle(id, req.GetTypeUrl(), req.GetResponseNonce(), req.GetErrorDetail())
}

func (s *Server) onResponse(id streamID, typeURL, nonce, version string) {
	revision, err := snapshot.ParseVersion(version)
	if err != nil {
		s.log.Error().Err(err).Str("type", shortType(typeURL)).Msg("xds response without a revision")
		return
	}
	s.ledger.sent(id, typeURL, nonce, revision)
}

// settle books an answer of an Envoy and returns the version it is about.
func (s *Server) settle(id streamID, typeURL, nonce string, refusal *status.Status) (string, bool) {
	node, revision, known := s.ledger.settle(id, typeURL, nonce, refusal == nil)
	if !known {
		return "", false
	}
	kind := shortType(typeURL)
	version := formatRevision(revision)
	if refusal == nil {
		s.metrics.acks.WithLabelValues(kind).Inc()
		s.log.Debug().Str("envoy", node).Str("type", kind).Int64("revision", revision).Msg("xds response accepted")
		return version, true
	}
	s.metrics.nacks.WithLabelValues(kind).Inc()
	detail := refusal.GetMessage()
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	s.log.Error().Str("envoy", node).Str("type", kind).Int64("revision", revision).
		Int32("code", refusal.GetCode()).Str("detail", detail).Msg("xds response refused")
	return version, true
}

// shortType is the last word of a type, as label and log value; unknown types share one.
func shortType(typeURL string) string {
	for _, known := range snapshot.Types() {
		if typeURL == known {
			return strings.ToLower(typeURL[strings.LastIndexByte(typeURL, '.')+1:])
		}
	}
	return "other"
}
