package dataplane

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/server"
)

// clients send requests to a node without a pause until they are stopped, and count what went wrong.
type clients struct {
	stop   context.CancelFunc
	done   sync.WaitGroup
	served atomic.Int64
	failed atomic.Int64
	first  atomic.Pointer[string]
}

func (r *ring) startClients(t *testing.T, target string) *clients {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &clients{stop: cancel}
	for range 4 {
		c.done.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				c.once(ctx, client, r.url, target)
			}
		})
	}
	return c
}

func (c *clients) once(ctx context.Context, client *http.Client, url, target string) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url+"/x", strings.NewReader("body"))
	if err != nil {
		c.fail(err.Error())
		return
	}
	req.Header.Set(askTarget, target)
	resp, err := client.Do(req)
	if err != nil {
		c.fail(err.Error())
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		c.fail(err.Error())
	case resp.StatusCode != http.StatusOK:
		c.fail(strconv.Itoa(resp.StatusCode) + " " + string(body))
	default:
		c.served.Add(1)
	}
}

func (c *clients) fail(why string) {
	c.failed.Add(1)
	c.first.CompareAndSwap(nil, &why)
}

func (c *clients) finish(t *testing.T) {
	t.Helper()
	c.stop()
	c.done.Wait()
	if c.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", c.failed.Load(), c.failed.Load()+c.served.Load(), *c.first.Load())
	}
	if c.served.Load() == 0 {
		t.Error("no request was served")
	}
}

// IN-11: a node's address changes under load and nothing is dropped, not even an answer that was on its way from the
// old address.
func TestAddressChangesLive(t *testing.T) {
	begin, finish := make(chan struct{}), make(chan struct{})
	first := sidecar(t, "node-0", func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/slow" {
			return
		}
		_, _ = io.WriteString(w, "begin ")
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		close(begin)
		<-finish
		_, _ = io.WriteString(w, "end")
	})
	arrived := make(chan struct{})
	var once sync.Once
	second := sidecar(t, "node-0", func(http.ResponseWriter, *http.Request) { once.Do(func() { close(arrived) }) })
	r := startRing(t, []ir.Node{first}, nil)

	slow := make(chan answer, 1)
	req := r.request(t, http.MethodGet, "/slow", nil, askTarget, "node/node-0")
	go func() {
		got, err := try(req)
		if err != nil {
			got.body = err.Error()
		}
		slow <- got
	}()
	<-begin
	load := r.startClients(t, "node/node-0")
	r.cfg.Nodes = []ir.Node{second}
	r.publish(t, 2)
	r.waitAcked(t, 2)
	<-arrived
	close(finish)
	if got := <-slow; got.body != "begin end" {
		t.Errorf("the answer on its way was cut: %d %q", got.status, got.body)
	}
	load.finish(t)
	if got := r.envoy.Stat(t, "listener_manager.listener_modified"); got != "0" {
		t.Errorf("the listener was modified %s times", got)
	}
}

// A node joins and another leaves under load on a third.
func TestNodesComeAndGo(t *testing.T) {
	nodes := []ir.Node{sidecar(t, "node-0", echo("node-0")), sidecar(t, "node-1", echo("node-1")), sidecar(t, "node-2", echo("node-2"))}
	r := startRing(t, nodes[:2], nil)
	load := r.startClients(t, "node/node-0")
	r.cfg.Nodes = []ir.Node{nodes[0], nodes[2]}
	r.publish(t, 2)
	r.waitAcked(t, 2)
	r.waitServed(t, "node-2")
	if got := r.ask(t, http.MethodGet, "/", askTarget, "node/node-1"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a node that left answers %d", got.status)
	}
	load.finish(t)
}

// waitServed returns when Envoy has checked a new node's health and sends to it.
func (r *ring) waitServed(t *testing.T, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want := ir.ClusterOfNode(id) + "::"
	r.envoy.WaitAdmin(ctx, t, "/clusters", func(_ int, body string) bool {
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, want) && strings.HasSuffix(strings.TrimSpace(line), "health_flags::healthy") {
				return true
			}
		}
		return false
	})
}

// IN-4, IN-11: with every coordinator down the traffic goes on; one that returns finds Envoy as it was, and moves it on
// without a flap.
func TestCoordinatorsDown(t *testing.T) {
	r := startRing(t, []ir.Node{sidecar(t, "node-0", echo("node-0"))}, nil)
	r.waitAcked(t, 1)
	address := r.xds
	load := r.startClients(t, "node/node-0")
	r.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.envoy.WaitAdmin(ctx, t, "/stats?filter=^control_plane.connected_state$", func(_ int, body string) bool {
		return strings.HasSuffix(strings.TrimSpace(body), ": 0")
	})
	served := load.served.Load()
	for range 20 {
		if got := r.ask(t, http.MethodGet, "/", askTarget, "node/node-0"); got.status != http.StatusOK {
			t.Fatalf("status %d without a coordinator", got.status)
		}
	}

	// The new one has seen more of the world: same resources, later revision.
	r.startControl(t, address)
	r.publish(t, 5)
	r.waitAcked(t, 5)
	load.finish(t)
	if load.served.Load() == served {
		t.Error("no request was served without a coordinator")
	}
	for stat, want := range map[string]string{
		"listener_manager.listener_modified": "0", "listener_manager.listener_added": "1",
		"http.ingress.rds.ingress.config_reload": "1", "cluster_manager.cluster_modified": "0",
	} {
		if got := r.envoy.Stat(t, stat); got != want {
			t.Errorf("%s is %s, want %s", stat, got, want)
		}
	}
}

// IN-11: what Envoy refuses is counted, Envoy keeps what it had, and the next good snapshot is taken.
func TestRefusedSnapshot(t *testing.T) {
	r := startRing(t, []ir.Node{sidecar(t, "node-0", echo("node-0"))}, nil)
	r.waitAcked(t, 1)
	// Nothing in the configuration is wrong, but only Envoy can find out that the address belongs to somebody else.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	good := r.cfg.Ingress.Port
	tcp, ok := taken.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("address %v", taken.Addr())
	}
	r.cfg.Ingress.Port = uint16(tcp.Port)
	r.publish(t, 2)
	r.waitNode(t, func(s server.NodeStatus) bool { return s == server.NodeStatus{Acked: 1, Nacked: 2} })
	if got := counter(t, r.reg, "miroir_xds_nacks_total", "listener"); got != 1 {
		t.Errorf("miroir_xds_nacks_total is %v", got)
	}
	if got := r.ask(t, http.MethodGet, "/", askTarget, "node/node-0"); got.status != http.StatusOK {
		t.Errorf("status %d after the refusal", got.status)
	}
	r.cfg.Ingress.Port = good
	r.publish(t, 3)
	r.waitNode(t, func(s server.NodeStatus) bool { return s == server.NodeStatus{Acked: 3} })
}

func counter(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// An Envoy that has never heard from a coordinator is not ready: it would answer nobody.
func TestNotReadyWithoutSnapshot(t *testing.T) {
	r := prepare(t, nil)
	xds := r.startControl(t, "127.0.0.1:0")
	r.startEnvoy(t, xds)
	r.waitNode(t, func(server.NodeStatus) bool { return true })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.envoy.WaitAdmin(ctx, t, "/ready", func(status int, _ string) bool { return status == http.StatusServiceUnavailable })
	r.publish(t, 1)
	r.envoy.WaitReady(t)
	r.waitAcked(t, 1)
}
