package etcd

import (
	"net"
	"testing"

	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/state"
)

// Start runs a member until the test ends, and returns its client URL.
func Start(t testing.TB) string {
	t.Helper()
	server, err := etcdserver.Start(t.Context(), etcdserver.Options{
		DataDir: t.TempDir(), ListenClient: freeURL(t), ListenPeer: freeURL(t), NoSync: true,
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

func freeURL(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}
