package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// featureNode is a sidecar as far as features go. It may refuse changes, be unable to answer, or forget what it was told.
type featureNode struct {
	mu       sync.Mutex
	on       map[string]bool
	refuse   string // a feature it does not know
	broken   bool
	forgets  bool
	patched  int
	greeting chan struct{} // a change waits for it
}

func (n *featureNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n.greeting != nil && r.Method == http.MethodPatch {
		<-n.greeting
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.URL.Path != "/experimental-features" || r.Header.Get("Authorization") != "Bearer node" || n.broken {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if r.Method == http.MethodPatch {
		n.patched++
		var in map[string]bool
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			panic(err)
		}
		if _, ok := in[n.refuse]; ok {
			e := apierr.New(apierr.BadRequest, "Unknown field `%s`", n.refuse)
			w.WriteHeader(e.Status)
			_, _ = w.Write(e.JSON())
			return
		}
		if !n.forgets {
			maps.Copy(n.on, in)
		}
	}
	_, _ = w.Write(meili.Features(n.on))
}

// join starts nodes and lets gateways know them.
func (k *cluster) join(t *testing.T, gateways []*Service, nodes ...*featureNode) {
	t.Helper()
	s := gateways[0]
	session, err := s.Store.NewSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		n.on = map[string]bool{}
		srv := httptest.NewServer(n)
		t.Cleanup(srv.Close)
		id := fmt.Sprintf("node-%d", i)
		if _, err := s.Store.RegisterNode(t.Context(), routing.NodeRecord{ID: id, Address: srv.URL}); err != nil {
			t.Fatal(err)
		}
		if err := session.Put(t.Context(), "health/"+id, routing.HealthRecord{V: 1, OK: true}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, s := range gateways {
		if _, err := s.Views.Wait(ctx, func(v *routing.View) bool {
			up := 0
			for _, n := range v.Nodes {
				if n.Alive {
					up++
				}
			}
			return up == len(nodes)
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// A change reaches all nodes, is committed, and shown by every gateway.
func TestFeaturesAreChangedOnAllNodes(t *testing.T) {
	k := newCluster(t)
	s, other := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	a, b := &featureNode{}, &featureNode{}
	k.join(t, []*Service{s, other}, a, b)
	if r := ask(t, s, masterKey, "GET", "/experimental-features", nil); string(r.Body) != string(meili.Features(nil)) {
		t.Fatalf("at first: %s", r.Body)
	}
	want := string(meili.Features(map[string]bool{"metrics": true, "containsFilter": true}))
	r := ask(t, s, masterKey, "PATCH", "/experimental-features", map[string]any{"metrics": true, "containsFilter": true, "network": false})
	if r.Status != http.StatusOK || string(r.Body) != want {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := ask(t, s, masterKey, "GET", "/experimental-features", nil); string(r.Body) != want {
		t.Errorf("the gateway does not show its own change: %s", r.Body)
	}
	for _, n := range []*featureNode{a, b} {
		if !n.on["metrics"] || !n.on["containsFilter"] {
			t.Errorf("a node has %v", n.on)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := other.Views.Wait(ctx, func(v *routing.View) bool { return v.Features.Features["metrics"] }); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, other, masterKey, "GET", "/experimental-features", nil); string(r.Body) != want {
		t.Errorf("another gateway shows %s", r.Body)
	}
	before := a.patched
	if r := ask(t, other, masterKey, "PATCH", "/experimental-features", map[string]any{"metrics": true}); r.Status != http.StatusOK || a.patched != before {
		t.Errorf("what is on already was switched on again: %d, %d changes", r.Status, a.patched-before)
	}
}

// A change that one node refuses, or does not show, is taken back on all others, and nothing is committed.
func TestFeaturesAreTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		odd    *featureNode
		status int
		says   string
	}{
		"refused":     {&featureNode{refuse: "metrics"}, http.StatusBadRequest, "Unknown field `metrics`"},
		"forgotten":   {&featureNode{forgets: true}, http.StatusInternalServerError, "A node does not show the change of `metrics`."},
		"unreachable": {&featureNode{broken: true}, http.StatusServiceUnavailable, "A node can not be reached."},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCluster(t)
			s := k.gateway(t, io.Discard)
			good := &featureNode{}
			k.join(t, []*Service{s}, good, c.odd)
			r := ask(t, s, masterKey, "PATCH", "/experimental-features", map[string]any{"metrics": true})
			if r.Status != c.status || !strings.Contains(string(r.Body), c.says) {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			if good.on["metrics"] || good.patched != 2 {
				t.Errorf("not taken back: %v after %d changes", good.on, good.patched)
			}
			if r := ask(t, s, masterKey, "GET", "/experimental-features", nil); string(r.Body) != string(meili.Features(nil)) {
				t.Errorf("shown: %s", r.Body)
			}
			if rec, _, err := s.Store.Features(t.Context()); err != nil || rec.Pending != nil || rec.Features["metrics"] {
				t.Errorf("on record: %+v, %v", rec, err)
			}
		})
	}
	s := newCluster(t).gateway(t, io.Discard)
	r := ask(t, s, masterKey, "PATCH", "/experimental-features", map[string]any{"network": true, "metrics": true})
	if r.Status != http.StatusNotImplemented || !strings.Contains(string(r.Body), "miroir_route_unsupported") {
		t.Errorf("network: %d %s", r.Status, r.Body)
	}
	if _, revision, _ := s.Store.Features(t.Context()); revision != 0 {
		t.Error("a change that is never made was noted")
	}
}

// One change at a time: the second waits for the first; one that its gateway never ended is void after its time.
func TestFeaturesOneChangeAtATime(t *testing.T) {
	k := newCluster(t)
	s, other := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	node := &featureNode{greeting: make(chan struct{})}
	k.join(t, []*Service{s, other}, node)
	answers := make(chan int, 2)
	for i, g := range []*Service{s, other} {
		name := []string{"metrics", "logsRoute"}[i]
		go func() {
			answers <- ask(t, g, masterKey, "PATCH", "/experimental-features", map[string]any{name: true}).Status
		}()
	}
	node.greeting <- struct{}{}
	node.greeting <- struct{}{}
	for range 2 {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	rec, revision, err := s.Store.Features(t.Context())
	if err != nil || !rec.Features["metrics"] || !rec.Features["logsRoute"] || rec.Pending != nil {
		t.Fatalf("%+v, %v", rec, err)
	}
	rec.Pending = &routing.PendingChange{Features: map[string]bool{"metrics": false}, Until: time.Now().Add(-time.Second)}
	if _, err := s.Store.PutFeatures(t.Context(), rec, revision); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.PutFeatures(t.Context(), rec, revision); err == nil || !strings.Contains(err.Error(), state.ErrConflict.Error()) {
		t.Errorf("a record was replaced by whoever did not know it: %v", err)
	}
	close(node.greeting)
	if r := ask(t, s, masterKey, "PATCH", "/experimental-features", map[string]any{"logsRoute": false}); r.Status != http.StatusOK {
		t.Errorf("after a change that never ended: %d %s", r.Status, r.Body)
	}
}
