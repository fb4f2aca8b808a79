//go:build dataplane

package sidecar

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// A sidecar that can not renew its lease refuses writes and still answers reads (NS-5).
func TestNS5LeaseLost(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	b.add(ix, "1", 4, `{"id":1}`)
	b.cut()
	leg := nodeapi.Leg{Shards: all(4), Count: 4, PrimaryKey: "id"}
	n := 1
	eventually(t, "writes are refused", func() error {
		n++
		leg.Dispatch = fmt.Sprint(n)
		a := b.leg("POST", "/indexes/"+ix+"/documents", documents(4, `{"id":1}`), leg)
		if a.status != http.StatusServiceUnavailable || a.field("code") != nodeapi.CodeFenced {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
	if a := b.leg("POST", "/indexes/"+ix+"/search", `{}`, nodeapi.Leg{Shards: all(4), Count: 4}); a.status != http.StatusOK {
		t.Errorf("a read while fenced: %d %s", a.status, a.body)
	}
}

// Reads without a lease end in time, too (NS-5): those that a gateway merges with the reason, those that Envoy hands to the client
// as an answer for clients.
func TestNS5ReadsEnd(t *testing.T) {
	b := newBench(t, "--stale-read-limit", "8s")
	ix := b.index("movies", "id", 4)
	b.add(ix, "1", 4, `{"id":1}`)
	b.cut()
	eventually(t, "reads are refused", func() error {
		a := b.leg("POST", "/indexes/"+ix+"/search", `{}`, nodeapi.Leg{Shards: all(4), Count: 4})
		if a.status != http.StatusServiceUnavailable || a.field("code") != nodeapi.CodeFenced {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
	for _, path := range []string{"/documents/1", "/stats", "/settings", "/documents"} {
		a := b.leg("GET", "/indexes/"+ix+path, "", nodeapi.Leg{Shards: all(4), Count: 4, Routed: true})
		if a.status != http.StatusServiceUnavailable || a.field("code") != "miroir_shard_unavailable" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// The node's records stand under its lease and go at once when it ends in order (NS-1).
func TestNS1Registration(t *testing.T) {
	b := newBench(t)
	watch, err := b.store.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "node is up in the view", func() error {
		n := watch.View().Nodes["node-0"]
		if !n.OK || n.EngineVersion == "" || n.Address != "http://"+b.door {
			return fmt.Errorf("%+v", n)
		}
		return nil
	})
	b.stop()
	eventually(t, "node is down in the view", func() error {
		if n := watch.View().Nodes["node-0"]; n.Alive {
			return fmt.Errorf("%+v", n)
		}
		return nil
	})
}
