package dataplane

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/testkit/envoy"
	"github.com/miroir-search/miroir/internal/testkit/free"
	"github.com/miroir-search/miroir/xds/bootstrap"
	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/server"
)

const patience = 20 * time.Second

// ring is an Envoy with everything around it.
type ring struct {
	cfg     ir.Config
	url     string
	xds     string
	gateway *standIn
	envoy   *envoy.Process
	control *server.Server
	reg     *prometheus.Registry
	stop    func() // ends the xds server
}

// startRing starts all of it with the given nodes and waits until Envoy is ready. Settings may be changed first.
func startRing(t *testing.T, nodes []ir.Node, change func(*ir.Config)) *ring {
	t.Helper()
	r := prepare(t, nodes)
	if change != nil {
		change(&r.cfg)
	}
	xds := r.startControl(t, "127.0.0.1:0")
	r.publish(t, 1)
	r.startEnvoy(t, xds)
	r.envoy.WaitReady(t)
	return r
}

// prepare starts the gateway and nothing else.
func prepare(t *testing.T, nodes []ir.Node) *ring {
	t.Helper()
	r := &ring{cfg: ir.Default()}
	ingress := netip.MustParseAddrPort(free.Address(t))
	r.url = "http://" + ingress.String()
	r.cfg.Ingress.Address, r.cfg.Ingress.Port = ingress.Addr().String(), ingress.Port()
	r.cfg.Ingress.AccessLog = ir.AccessLogStdout
	r.cfg.Gateway.SocketPaths = []string{filepath.Join(t.TempDir(), "extproc.sock")}
	r.cfg.Nodes = nodes
	r.gateway = startGateway(t, r.cfg.Gateway.SocketPaths[0])
	return r
}

func (r *ring) startEnvoy(t *testing.T, xds string) {
	t.Helper()
	admin := free.Address(t)
	boot, err := bootstrap.Render(bootstrap.Options{
		NodeID: "envoy-0", Cluster: "test", XDSAddresses: []string{xds}, AdminAddress: admin,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.envoy = envoy.Start(t, boot, admin)
}

// startControl starts an xds server and gives its address.
func (r *ring) startControl(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r.reg = prometheus.NewRegistry()
	r.control, err = server.New(zerolog.New(zerolog.NewTestWriter(t)), r.reg, nil)
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
	r.xds = listener.Addr().String()
	return r.xds
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

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request without a body and reads the answer; headers come in pairs.
func (r *ring) ask(t *testing.T, method, path string, headers ...string) answer {
	t.Helper()
	return send(t, r.request(t, method, path, nil, headers...))
}

func send(t *testing.T, req *http.Request) answer {
	t.Helper()
	got, err := try(req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func try(req *http.Request) (answer, error) {
	// A transport of its own per request, without transparent decompression: what is seen is what was sent.
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, err
}

// request makes one request; headers come in pairs.
func (r *ring) request(t *testing.T, method, path string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}
