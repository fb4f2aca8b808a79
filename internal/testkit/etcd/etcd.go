package etcd

import (
	"testing"

	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/testkit/free"
)

// Start runs a member until the test ends, and returns its client URL.
func Start(t testing.TB) string {
	t.Helper()
	server, err := etcdserver.Start(t.Context(), etcdserver.Options{
		DataDir: t.TempDir(), ListenClient: free.URL(t), ListenPeer: free.URL(t), NoSync: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.Endpoint()
}

// Connect opens the state of the default cluster in it until the test ends.
func Connect(t testing.TB, endpoint string) *state.Client {
	t.Helper()
	c, err := state.Open(t.Context(), state.Options{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
