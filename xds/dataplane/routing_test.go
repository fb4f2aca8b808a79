package dataplane

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miroir-search/miroir/xds/ir"
)

// echo answers with what it got, while it gets it, and says which sidecar it is.
func echo(id string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-Sidecar", id)
		w.WriteHeader(http.StatusOK)
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buf)
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			if err := control.Flush(); err != nil || n == 0 {
				return
			}
			if err != nil {
				return
			}
		}
	}
}

// The gateway chooses the sidecar request by request, and a body flows through it in both directions while it is sent:
// each piece comes back before the next one leaves.
func TestBodyStreamsToTheChosenNode(t *testing.T) {
	const pieces, size = 5, 1 << 20
	r := startRing(t, []ir.Node{sidecar(t, "node-0", echo("node-0")), sidecar(t, "node-1", echo("node-1"))}, nil)
	for _, id := range []string{"node-1", "node-0", "node-1"} {
		reader, writer := io.Pipe()
		req := r.request(t, http.MethodPost, "/indexes/movies/documents", reader, askTarget, ir.ClusterOfNode(id))
		first := strings.Repeat("0", size)
		go func() { _, _ = writer.Write([]byte(first)) }()
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("X-Sidecar"); got != id {
			t.Errorf("went to %s, not to %s", got, id)
		}
		for piece := range pieces {
			want := strings.Repeat(fmt.Sprint(piece), size)
			if piece > 0 {
				go func() { _, _ = writer.Write([]byte(want)) }()
			}
			got := make([]byte, size)
			if _, err := io.ReadFull(resp.Body, got); err != nil {
				t.Fatalf("piece %d: %v", piece, err)
			}
			if string(got) != want {
				t.Fatalf("piece %d came back changed", piece)
			}
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
			t.Fatalf("%d bytes after the end, %v", len(rest), err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What a sidecar sees of a routed request: the gateway's path, credential and leg headers, nothing of the client's.
func TestRoutedRequest(t *testing.T) {
	seen := make(chan *http.Request, 1)
	node := sidecar(t, "node-0", func(_ http.ResponseWriter, req *http.Request) { seen <- req })
	r := startRing(t, []ir.Node{node}, nil)
	got := r.ask(t, http.MethodGet, "/indexes/movies/documents/1?fields=a",
		askTarget, "node/node-0", askPath, "/indexes/movies--1/documents/1?fields=a",
		"Authorization", "Bearer client-key", "Cookie", "miroir_admin_session=x", "X-Admin-Key", "secret",
		"X-Miroir-Session", "s", "X-Miroir-Leg-Epoch", "666", "X-Miroir-Leg-Internal", "raw", "Accept-Language", "de")
	if got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	req := <-seen
	if want := "/indexes/movies--1/documents/1?fields=a"; req.RequestURI != want {
		t.Errorf("path %q, want %q", req.RequestURI, want)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer node-key", "X-Miroir-Leg-Epoch": "7", "Accept-Language": "de",
		"Cookie": "", "X-Admin-Key": "", "X-Miroir-Session": "", "X-Miroir-Leg-Internal": "", "X-Miroir-Target": "",
		"X-Miroir-Client-Address": "", "X-Envoy-Attempt-Count": "",
	} {
		if value := strings.Join(req.Header.Values(name), ","); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	for name := range got.header {
		if strings.HasPrefix(name, "X-Envoy-") || name == "Server" {
			t.Errorf("the client sees %s", name)
		}
	}
}

// §4: what only the inside may say never reaches the gateway from a client (X-Miroir-Leg-*, X-Miroir-Dispatch …), and
// the client's address is Envoy's word, not the client's.
func TestInternalHeadersAreStripped(t *testing.T) {
	r := startRing(t, nil, nil)
	r.ask(t, http.MethodGet, "/", askReply, "200",
		"X-Miroir-Leg-Shards", "0-3", "x-miroir-leg-internal", "raw", "X-Miroir-Dispatch", "d", "X-Miroir-Origin", "o",
		"X-Miroir-Target", "node/node-0", "Meili-Proxy-Search", "true", "X-Meili-Proxy-Origin-Remote", "r",
		"X-Meili-Proxy-Import-Total", "1", "X-Miroir-Client-Address", "6.6.6.6", "X-Envoy-Retry-On", "5xx",
		"X-Forwarded-For", "6.6.6.6", "X-Miroir-Session", "kept", "Authorization", "Bearer kept")
	seen := r.gateway.last(t)
	for name := range seen {
		for _, prefix := range []string{"x-miroir-leg-", "meili-proxy-", "x-meili-proxy-", "x-envoy-"} {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("%s reached the gateway", name)
			}
		}
	}
	for name, want := range map[string]string{
		"x-miroir-dispatch": "", "x-miroir-origin": "", "x-miroir-target": "",
		"x-miroir-session": "kept", "authorization": "Bearer kept",
	} {
		if seen[name] != want {
			t.Errorf("%s is %q, want %q", name, seen[name], want)
		}
	}
	if address := seen["x-miroir-client-address"]; address == "6.6.6.6" || address == "" {
		t.Errorf("client address is %q", address)
	}
}

// AU-1: one canonical path, and an encoded slash stays inside its segment.
func TestPathIsNormalisedOnce(t *testing.T) {
	r := startRing(t, nil, nil)
	for sent, want := range map[string]string{
		"//indexes//movies":             "/indexes/movies",
		"/indexes/./movies":             "/indexes/movies",
		"/a/../indexes/movies/":         "/indexes/movies/",
		"/indexes/%2e%2e/health":        "/health",
		"/indexes/a%2Fb":                "/indexes/a%2Fb",
		"/indexes/a%2f..%2f..%2Fhealth": "/indexes/a%2f..%2f..%2Fhealth",
		"/indexes/m?q=%2F//..":          "/indexes/m?q=%2F//..",
	} {
		if status := r.raw(t, sent, askReply+": 200"); status != http.StatusOK {
			t.Fatalf("%s: status %d", sent, status)
		}
		if got := r.gateway.last(t)[":path"]; got != want {
			t.Errorf("%s became %s, want %s", sent, got, want)
		}
	}
	// No spelling of the admin prefix slips past the route that treats it as such.
	before := r.gateway.count()
	for _, sent := range []string{"//_miroir/x", "/a/../_miroir/x", "/%5fmiroir/x", "/_miroir"} {
		if status := r.raw(t, sent, "Accept: */*"); status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", sent, status)
		}
		if path := r.gateway.last(t)[":path"]; !strings.HasPrefix(path, "/_miroir") {
			t.Errorf("%s reached the gateway as %s", sent, path)
		}
	}
	if got := r.gateway.count() - before; got != 4 {
		t.Errorf("the gateway saw %d of 4 requests", got)
	}
}

// raw sends a request target as it is, which Go's client would tidy up, and gives the status.
func (r *ring) raw(t *testing.T, target, header string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: miroir\r\nConnection: close\r\n%s\r\n\r\n", target, header); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

// A read that got no answer is repeated once; a write never is.
func TestOnlyReadsAreRepeated(t *testing.T) {
	var reads, writes atomic.Int32
	node := sidecar(t, "node-0", func(w http.ResponseWriter, req *http.Request) {
		n := &writes
		if req.Method == http.MethodGet {
			n = &reads
		}
		if n.Add(1) == 1 {
			panic(http.ErrAbortHandler) // the connection breaks without an answer
		}
	})
	r := startRing(t, []ir.Node{node}, nil)
	if got := r.ask(t, http.MethodGet, "/indexes/m/documents/1", askTarget, "node/node-0"); got.status != http.StatusOK || reads.Load() != 2 {
		t.Errorf("read: status %d after %d attempts", got.status, reads.Load())
	}
	got := r.ask(t, http.MethodDelete, "/indexes/m/documents/1", askTarget, "node/node-0")
	wantError(t, got, http.StatusServiceUnavailable, "miroir_shard_unavailable", "system")
	if writes.Load() != 1 {
		t.Errorf("write: %d attempts", writes.Load())
	}
}

// AD-5: below the admin prefix the gateway sees headers only and bodies of any size pass.
func TestAdminBodiesBypassTheGateway(t *testing.T) {
	sizes := make(chan int64, 1)
	coordinator := sidecar(t, "c", func(w http.ResponseWriter, req *http.Request) {
		n, err := io.Copy(io.Discard, req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		sizes <- n
	})
	r := startRing(t, nil, func(c *ir.Config) {
		c.Admin.Addresses = []string{coordinator.Address}
		c.Limits.MaxBodyBytes = 1 << 20
	})
	const size = 8 << 20
	body := strings.NewReader(strings.Repeat("a", size))
	if got := send(t, r.request(t, http.MethodPost, "/_miroir/dumps/import", body)); got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if got := <-sizes; got != size {
		t.Errorf("%d of %d bytes arrived", got, size)
	}
	if got := r.ask(t, http.MethodGet, "/ui/search/movies"); got.status != http.StatusOK {
		t.Errorf("ui: status %d", got.status)
	}
	if got := r.ask(t, http.MethodGet, "/_miroir/nodes", askReply, "401"); got.status != http.StatusUnauthorized {
		t.Errorf("the gateway's refusal came as %d", got.status)
	}
}
