package dataplane

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/testkit/envoy"
	"github.com/miroir-search/miroir/xds/bootstrap"
	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/server"
)

const patience = 20 * time.Second

// ring is an Envoy with everything around it.
type ring struct {
	cfg     ir.Config
	url     string
	gateway *standIn
	envoy   *envoy.Process
	control *server.Server
	reg     *prometheus.Registry
	stop    func() // ends the xds server
}

// startRing starts all of it with the given nodes and waits until Envoy is ready. Settings may be changed first.
func startRing(t *testing.T, nodes []ir.Node, change func(*ir.Config)) *ring {
	t.Helper()
	r := &ring{cfg: ir.Default(), reg: prometheus.NewRegistry()}
	ingress := envoy.FreeAddress(t)
	host, port, _ := net.SplitHostPort(ingress)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + ingress
	r.cfg.Ingress.Address, r.cfg.Ingress.Port = host, uint16(number)
	r.cfg.Ingress.AccessLog = ir.AccessLogStdout
	r.cfg.Gateway.SocketPath = filepath.Join(t.TempDir(), "extproc.sock")
	r.cfg.Nodes = nodes
	if change != nil {
		change(&r.cfg)
	}
	r.gateway = startGateway(t, r.cfg.Gateway.SocketPath)

	xds := r.startControl(t, "127.0.0.1:0")
	r.publish(t, 1)
	admin := envoy.FreeAddress(t)
	boot, err := bootstrap.Render(bootstrap.Options{
		NodeID: "envoy-0", Cluster: "test", XDSAddresses: []string{xds}, AdminAddress: admin,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.envoy = envoy.Start(t, boot, admin)
	r.envoy.WaitReady(t)
	return r
}

// startControl starts an xds server and gives its address.
func (r *ring) startControl(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r.reg = prometheus.NewRegistry()
	r.control, err = server.New(zerolog.New(zerolog.NewTestWriter(t)), r.reg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.control.Serve(ctx, listener) }()
	ended := false
	r.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("xds server: %v", err)
		}
	}
	stop := r.stop
	t.Cleanup(func() { stop() })
	return listener.Addr().String()
}

func (r *ring) publish(t *testing.T, revision int64) {
	t.Helper()
	if err := r.control.Publish(r.cfg, revision); err != nil {
		t.Fatal(err)
	}
}

// waitAcked returns when Envoy works by a revision.
func (r *ring) waitAcked(t *testing.T, revision int64) {
	t.Helper()
	r.waitNode(t, func(s server.NodeStatus) bool { return s.Acked >= revision })
}

func (r *ring) waitNode(t *testing.T, wanted func(server.NodeStatus) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		changes := r.control.Changes()
		nodes := r.control.Nodes()
		if s, ok := nodes["envoy-0"]; ok && wanted(s) {
			return
		}
		select {
		case <-changes:
		case <-ctx.Done():
			t.Fatalf("envoys: %+v, not as wanted within %s", nodes, patience)
		}
	}
}

// sidecar starts an upstream and describes it as a node.
func sidecar(t *testing.T, id string, handler http.HandlerFunc) ir.Node {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(ir.HealthPath, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", handler)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return ir.Node{ID: id, Address: strings.TrimPrefix(s.URL, "http://")}
}

// request makes one request; headers come in pairs.
func (r *ring) request(t *testing.T, method, path string, headers ...string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}
