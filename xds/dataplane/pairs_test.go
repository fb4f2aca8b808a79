package dataplane

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miroir-search/miroir/xds/ir"
)

// peer is a sidecar that can fail in every way.
type peer struct {
	ir.Node
	server *httptest.Server
	asked  atomic.Int64 // requests but health checks
	sick   atomic.Bool  // health checks are refused
	status atomic.Int64 // of other answers; 0 breaks the connection
}

func startPeer(t *testing.T, id string) *peer {
	t.Helper()
	p := &peer{}
	p.status.Store(http.StatusOK)
	mux := http.NewServeMux()
	mux.HandleFunc(ir.HealthPath, func(w http.ResponseWriter, _ *http.Request) {
		if p.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		status := int(p.status.Load())
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, id)
	})
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	p.Node = ir.Node{ID: id, Address: strings.TrimPrefix(p.server.URL, "http://")}
	return p
}

// startPair starts an Envoy over two sidecars that are paired.
func startPair(t *testing.T) (*ring, *peer, *peer) {
	t.Helper()
	a, b := startPeer(t, "node-0"), startPeer(t, "node-1")
	r := startRing(t, []ir.Node{a.Node, b.Node}, func(c *ir.Config) { c.Paired = []string{a.ID, b.ID} })
	return r, a, b
}

// waitUnhealthy returns when Envoy's health checks have given a node up.
func (r *ring) waitUnhealthy(t *testing.T, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.envoy.WaitAdmin(ctx, t, "/clusters", func(_ int, body string) bool {
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, ir.ClusterOfNode(id)+"::") && strings.Contains(line, "/failed_active_hc") {
				return true
			}
		}
		return false
	})
}

func (r *ring) wantAnswer(t *testing.T, target, from string) {
	t.Helper()
	got := r.ask(t, http.MethodGet, "/indexes/m/documents/1", askTarget, target)
	if got.status != http.StatusOK || got.body != from {
		t.Errorf("%s: %d %q, want the answer of %s", target, got.status, got.body, from)
	}
}

// RD-7: the first of a pair answers; where it breaks off, says that it can not answer, or does not hold what was planned,
// the second does, and the client sees no error. A refusal is an answer.
func TestPairAsksTheSecondWhereTheFirstFails(t *testing.T) {
	r, a, b := startPair(t)
	r.wantAnswer(t, "nodes/node-0,node-1", "node-0")
	r.wantAnswer(t, "nodes/node-1,node-0", "node-1")
	for _, status := range []int64{0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusConflict} {
		a.status.Store(status)
		r.wantAnswer(t, "nodes/node-0,node-1", "node-1")
	}
	a.status.Store(http.StatusNotFound)
	asked := b.asked.Load()
	if got := r.ask(t, http.MethodGet, "/", askTarget, "nodes/node-0,node-1"); got.status != http.StatusNotFound || b.asked.Load() != asked {
		t.Errorf("status %d, %d requests at the second node", got.status, b.asked.Load()-asked)
	}
}

// RD-7: a node is killed: no read fails, neither before the health checks notice nor after. With both gone the answer is
// the documented 503.
func TestPairWithoutOneNodeAndWithoutBoth(t *testing.T) {
	r, a, b := startPair(t)
	a.server.CloseClientConnections()
	a.server.Close()
	for range 20 {
		r.wantAnswer(t, "nodes/node-0,node-1", "node-1")
		r.wantAnswer(t, "nodes/node-1,node-0", "node-1")
	}
	r.waitUnhealthy(t, a.ID)
	for range 20 {
		r.wantAnswer(t, "nodes/node-0,node-1", "node-1")
	}
	b.server.CloseClientConnections()
	b.server.Close()
	for _, target := range []string{"nodes/node-0,node-1", "nodes/node-1,node-0", "node/node-1"} {
		wantError(t, r.ask(t, http.MethodGet, "/", askTarget, target), http.StatusServiceUnavailable, "miroir_shard_unavailable", "system")
	}
}

// A health check that failed on a node that lives makes the other of a pair answer, and costs no answer where there is no
// other: the gateway has the node up, or would not name it.
func TestUnhealthyNodeThatLives(t *testing.T) {
	r, a, b := startPair(t)
	a.sick.Store(true)
	r.waitUnhealthy(t, a.ID)
	r.wantAnswer(t, "nodes/node-0,node-1", "node-1")
	r.wantAnswer(t, "node/node-0", "node-0")
	b.sick.Store(true)
	r.waitUnhealthy(t, b.ID)
	for _, target := range []string{"nodes/node-0,node-1", "nodes/node-1,node-0"} {
		if got := r.ask(t, http.MethodGet, "/", askTarget, target); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
}

// Pairs come and go with their nodes, without a failed request at those that stay. A pair with a node that has no cluster
// of its own leads to the other.
func TestPairsComeAndGo(t *testing.T) {
	r, a, _ := startPair(t)
	load := r.startClients(t, ir.ClusterOfNode(a.ID))
	c := startPeer(t, "node-2")
	r.cfg.Nodes, r.cfg.Paired = []ir.Node{a.Node, c.Node}, []string{"node-0", "node-2", "node-9"}
	r.publish(t, 2)
	r.waitAcked(t, 2)
	r.waitServed(t, c.ID)
	r.wantAnswer(t, "nodes/node-2,node-0", "node-2")
	r.wantAnswer(t, "nodes/node-9,node-0", "node-0")
	if got := r.ask(t, http.MethodGet, "/", askTarget, "nodes/node-0,node-1"); got.status != http.StatusServiceUnavailable {
		t.Errorf("the pair with a node that left answers %d", got.status)
	}
	load.finish(t)
}
