package server

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/snapshot"
)

const patience = 10 * time.Second

func config(nodes ...string) ir.Config {
	cfg := ir.Default()
	cfg.Gateway.SocketPaths = []string{"/run/miroir/extproc.sock"}
	for _, id := range nodes {
		cfg.Nodes = append(cfg.Nodes, ir.Node{ID: id, Address: "127.0.0.1:7701"})
	}
	return cfg
}

// served is a server that listens, and a client's side of it.
type served struct {
	*Server
	log    *bytes.Buffer
	client discoveryv3.AggregatedDiscoveryServiceClient
}

func serve(t *testing.T) *served {
	t.Helper()
	return serveOwn(t, nil)
}

// serveOwn is serve with Envoys that have addresses of their own.
func serveOwn(t *testing.T, own map[string]netip.AddrPort) *served {
	t.Helper()
	log := &bytes.Buffer{}
	s, err := New(zerolog.New(zerolog.SyncWriter(log)), prometheus.NewRegistry(), own)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return &served{Server: s, log: log, client: discoveryv3.NewAggregatedDiscoveryServiceClient(conn)}
}

// envoy is one delta stream.
type envoy struct {
	t      *testing.T
	node   string
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	stop   context.CancelFunc
}

func (s *served) connect(t *testing.T, node string) *envoy {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	stream, err := s.client.DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &envoy{t: t, node: node, stream: stream, stop: cancel}
}

func (e *envoy) send(req *discoveryv3.DeltaDiscoveryRequest) {
	e.t.Helper()
	req.Node = &corev3.Node{Id: e.node}
	if err := e.stream.Send(req); err != nil {
		e.t.Fatal(err)
	}
}

func (e *envoy) recv() *discoveryv3.DeltaDiscoveryResponse {
	e.t.Helper()
	resp, err := e.stream.Recv()
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

func (e *envoy) ack(resp *discoveryv3.DeltaDiscoveryResponse) {
	e.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce()})
}

// subscribe asks for every type as Envoy does; have is what it holds already, by type.
func (e *envoy) subscribe(have map[string]map[string]string) {
	for _, typeURL := range snapshot.Types() {
		req := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURL, InitialResourceVersions: have[typeURL]}
		if typeURL == resourcev3.RouteType {
			req.ResourceNamesSubscribe = []string{"ingress"}
		}
		e.send(req)
	}
}

// start subscribes and acknowledges the first answer of every type; it gives what it got.
func (e *envoy) start() map[string]map[string]string {
	e.t.Helper()
	e.subscribe(nil)
	have := map[string]map[string]string{}
	for range snapshot.Types() {
		resp := e.recv()
		have[resp.GetTypeUrl()] = map[string]string{}
		for _, r := range resp.GetResources() {
			have[resp.GetTypeUrl()][r.GetName()] = r.GetVersion()
		}
		e.ack(resp)
	}
	return have
}

func (s *served) wait(t *testing.T, what string, wanted func(map[string]NodeStatus) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		changes := s.Changes()
		nodes := s.Nodes()
		if wanted(nodes) {
			return
		}
		select {
		case <-changes:
		case <-ctx.Done():
			t.Fatalf("waited for %s; nodes are %+v", what, nodes)
		}
	}
}

func (s *served) waitAcked(t *testing.T, node string, revision int64) {
	t.Helper()
	s.wait(t, "an acknowledgement", func(n map[string]NodeStatus) bool { return n[node].Acked == revision })
}

func (s *served) publishes(t *testing.T, cfg ir.Config, revision int64) {
	t.Helper()
	if err := s.Publish(cfg, revision); err != nil {
		t.Fatal(err)
	}
}

// IN-11: only what changed is sent; who works by which revision is known.
func TestAcknowledgements(t *testing.T) {
	s := serve(t)
	s.publishes(t, config("node-0"), 10)
	e := s.connect(t, "envoy-0")
	e.start()
	s.waitAcked(t, "envoy-0", 10)

	s.publishes(t, config("node-0", "node-1"), 12)
	resp := e.recv()
	if resp.GetSystemVersionInfo() != "12" || resp.GetTypeUrl() != resourcev3.ClusterType {
		t.Fatalf("got %s of revision %s", resp.GetTypeUrl(), resp.GetSystemVersionInfo())
	}
	if len(resp.GetResources()) != 1 || resp.GetResources()[0].GetName() != "node/node-1" {
		t.Fatalf("more than the new cluster was sent: %d resources", len(resp.GetResources()))
	}
	if got := s.Acked()["envoy-0"]; got != 10 {
		t.Errorf("acknowledged %d before it answered", got)
	}
	e.ack(resp)
	s.waitAcked(t, "envoy-0", 12)

	// Nothing changed, nothing travels, and it counts at once.
	s.publishes(t, config("node-0", "node-1"), 13)
	s.waitAcked(t, "envoy-0", 13)
	if s.Revision() != 13 || testutil.ToFloat64(s.metrics.version) != 13 {
		t.Errorf("revision %d, metric %v", s.Revision(), testutil.ToFloat64(s.metrics.version))
	}

	s.publishes(t, config("node-1"), 14)
	resp = e.recv()
	if len(resp.GetRemovedResources()) != 1 || resp.GetRemovedResources()[0] != "node/node-0" {
		t.Fatalf("removed %v", resp.GetRemovedResources())
	}
	e.ack(resp)
	s.waitAcked(t, "envoy-0", 14)

	e.stop()
	s.wait(t, "the stream's end", func(n map[string]NodeStatus) bool { return len(n) == 0 })
}

// IN-11: an Envoy that moves to another coordinator is sent nothing it has, and counts as current.
func TestMoveToAnotherCoordinator(t *testing.T) {
	first, second := serve(t), serve(t)
	first.publishes(t, config("node-0"), 20)
	second.publishes(t, config("node-0"), 20)
	e := first.connect(t, "envoy-0")
	have := e.start()
	first.waitAcked(t, "envoy-0", 20)

	moved := second.connect(t, "envoy-0")
	moved.subscribe(have)
	second.waitAcked(t, "envoy-0", 20)
	// Clusters and listeners are answered even when there is nothing new; an Envoy waits for that.
	for range 2 {
		resp := moved.recv()
		if len(resp.GetResources()) != 0 || len(resp.GetRemovedResources()) != 0 {
			t.Errorf("%s: %d resources came again", resp.GetTypeUrl(), len(resp.GetResources()))
		}
		moved.ack(resp)
	}
}

// IN-11: a refusal counts, is told, and is over with the next good snapshot.
func TestRefusal(t *testing.T) {
	s := serve(t)
	s.publishes(t, config("node-0"), 1)
	e := s.connect(t, "envoy-0")
	e.start()
	s.waitAcked(t, "envoy-0", 1)

	s.publishes(t, config("node-0", "node-1"), 2)
	resp := e.recv()
	e.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce(),
		ErrorDetail: &status.Status{Code: 3, Message: strings.Repeat("x", 2*maxDetail)},
	})
	s.wait(t, "the refusal", func(n map[string]NodeStatus) bool { return n["envoy-0"] == NodeStatus{Acked: 1, Nacked: 2} })
	if got := testutil.ToFloat64(s.metrics.nacks.WithLabelValues("cluster")); got != 1 {
		t.Errorf("miroir_xds_nacks_total is %v", got)
	}

	s.publishes(t, config("node-0", "node-2"), 3)
	e.ack(e.recv())
	s.wait(t, "the next snapshot", func(n map[string]NodeStatus) bool { return n["envoy-0"] == NodeStatus{Acked: 3} })
}

// A snapshot that must not leave changes nothing and is counted.
func TestRejectedSnapshots(t *testing.T) {
	s := serve(t)
	s.publishes(t, config("node-0"), 5)
	broken := config("node-0")
	broken.Gateway.SocketPaths = nil
	cases := []struct {
		reason   string
		cfg      ir.Config
		revision int64
		want     error
	}{
		{"invalid", broken, 6, ir.ErrInvalid},
		{"stale", config("node-0"), 4, snapshot.ErrStale},
		{"reused", config("node-1"), 5, snapshot.ErrReused},
		{"inconsistent", config("node-1"), -1, snapshot.ErrInconsistent},
	}
	for _, c := range cases {
		if err := s.Publish(c.cfg, c.revision); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v", c.reason, err)
		}
		if got := testutil.ToFloat64(s.metrics.rejected.WithLabelValues(c.reason)); got != 1 {
			t.Errorf("%s: counted %v times", c.reason, got)
		}
	}
	if s.Revision() != 5 {
		t.Errorf("revision is %d", s.Revision())
	}
	s.publishes(t, config("node-0"), 5)
}

// The state-of-the-world protocol works too, and a refused version is not offered again and again.
func TestStateOfTheWorld(t *testing.T) {
	s := serve(t)
	s.publishes(t, config("node-0"), 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := s.client.StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	send := func(req *discoveryv3.DiscoveryRequest) {
		t.Helper()
		req.Node = &corev3.Node{Id: "envoy-0"}
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	recv := func() *discoveryv3.DiscoveryResponse {
		t.Helper()
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, typeURL := range snapshot.Types() {
		send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURL})
		resp := recv()
		send(&discoveryv3.DiscoveryRequest{TypeUrl: typeURL, ResponseNonce: resp.GetNonce(), VersionInfo: resp.GetVersionInfo()})
	}
	s.waitAcked(t, "envoy-0", 1)

	s.publishes(t, config("node-0", "node-1"), 2)
	for range snapshot.Types() {
		resp := recv()
		if resp.GetVersionInfo() != "2" {
			t.Fatalf("%s of version %s", resp.GetTypeUrl(), resp.GetVersionInfo())
		}
		req := &discoveryv3.DiscoveryRequest{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce(), VersionInfo: "2"}
		if resp.GetTypeUrl() == resourcev3.ClusterType {
			req.VersionInfo, req.ErrorDetail = "1", &status.Status{Code: 3, Message: "no"}
		}
		send(req)
	}
	s.wait(t, "the refusal", func(n map[string]NodeStatus) bool { return n["envoy-0"].Nacked == 2 })
	s.publishes(t, config("node-0", "node-2"), 3)
	for range snapshot.Types() {
		resp := recv()
		if resp.GetVersionInfo() != "3" {
			t.Fatalf("%s of version %s came again", resp.GetTypeUrl(), resp.GetVersionInfo())
		}
		send(&discoveryv3.DiscoveryRequest{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce(), VersionInfo: "3"})
	}
	s.wait(t, "the next snapshot", func(n map[string]NodeStatus) bool { return n["envoy-0"] == NodeStatus{Acked: 3} })
}

// An Envoy that connects before anything was published waits for it.
func TestConnectBeforePublish(t *testing.T) {
	s := serve(t)
	e := s.connect(t, "envoy-0")
	e.subscribe(nil)
	s.wait(t, "the stream", func(n map[string]NodeStatus) bool { _, ok := n["envoy-0"]; return ok })
	if got := s.Acked()["envoy-0"]; got != 0 {
		t.Errorf("acknowledged %d of nothing", got)
	}
	s.publishes(t, config(), 9)
	for range snapshot.Types() {
		e.ack(e.recv())
	}
	s.waitAcked(t, "envoy-0", 9)
}

func TestServeOnce(t *testing.T) {
	s := serve(t)
	s.publishes(t, config(), 1)
	s.connect(t, "envoy-0").start()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := s.Serve(t.Context(), listener); !errors.Is(err, ErrServed) {
		t.Fatalf("error %v, want ErrServed", err)
	}
}

func TestMetricsRegisterOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := New(zerolog.Nop(), reg, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := New(zerolog.Nop(), reg, nil); err == nil {
		t.Fatal("two servers share one registry")
	}
}
