package dataplane

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/free"
	"github.com/miroir-search/miroir/xds/ir"
)

// startTwo starts an Envoy with two gateways. The second breaks off each request once it has read so many bytes of its
// body, if any.
func startTwo(t *testing.T, breakAt int) (r *ring, second *standIn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "second.sock")
	second = startGateway(t, path)
	second.breakAt = breakAt
	r = startRing(t, nil, func(c *ir.Config) { c.Gateway.SocketPaths = append(c.Gateway.SocketPaths, path) })
	return r, second
}

// length asks a gateway how long the body was that reached it.
func (r *ring) length(t *testing.T, path string, body string) answer {
	t.Helper()
	return send(t, r.request(t, http.MethodPost, path, strings.NewReader(body), askCount, "1"))
}

// IN-3: a gateway that is gone is not missed, whatever is asked and however long it is.
func TestGatewayThatIsGone(t *testing.T) {
	r, second := startTwo(t, 0)
	second.server.Stop()
	for _, path := range []string{"/indexes/a/documents", "/indexes/a/search"} {
		for _, size := range []int{1, 1 << 10, 3 << 20} {
			for range 4 {
				got := r.length(t, path, strings.Repeat("x", size))
				if got.status != http.StatusOK || got.body != strconv.Itoa(size) {
					t.Errorf("%s with %d bytes: %d %s", path, size, got.status, got.body)
				}
			}
		}
	}
}

// IN-3: a read that a gateway breaks off is asked of another; a write may have had its effect and is not.
func TestGatewayThatBreaksOff(t *testing.T) {
	const size = 1 << 10
	r, second := startTwo(t, 1)
	repeated := 0
	for range 20 {
		before := second.count()
		got := r.length(t, "/indexes/a/search", strings.Repeat("x", size))
		if got.status != http.StatusOK || got.body != strconv.Itoa(size) {
			t.Fatalf("read: %d %s", got.status, got.body)
		}
		repeated += second.count() - before
	}
	if repeated == 0 {
		t.Fatal("no read was broken off")
	}
	broken := 0
	for range 20 {
		first, other := r.gateway.count(), second.count()
		got := r.length(t, "/indexes/a/documents", strings.Repeat("x", size))
		switch asked := second.count() - other; {
		case asked == 0 && got.status == http.StatusOK:
		case asked == 1 && got.status == http.StatusServiceUnavailable && r.gateway.count() == first:
			broken++
		default:
			t.Fatalf("write: %d %s, asked %d times of the gateway that breaks off", got.status, got.body, asked)
		}
	}
	if broken == 0 {
		t.Fatal("no write was broken off")
	}
}

// A body is sent again as a whole or not at all: beyond what Envoy keeps, the request is lost with its gateway.
func TestLongBodyThatIsBrokenOff(t *testing.T) {
	const size = 600 << 10
	r, second := startTwo(t, 300<<10)
	lost := 0
	for range 12 {
		before := second.count()
		got := r.length(t, "/indexes/a/search", strings.Repeat("x", size))
		switch {
		case got.status == http.StatusOK && got.body == strconv.Itoa(size):
		case got.status == http.StatusServiceUnavailable && second.count() > before:
			lost++
		default:
			t.Fatalf("%d %s, want %d bytes", got.status, got.body, size)
		}
	}
	t.Logf("%d of 12 were lost with their gateway", lost)
	if second.count() == 0 {
		t.Fatal("no body was broken off")
	}
}

// IN-3: a coordinator that is gone is not missed; what may change something is sent again only where nobody got it.
func TestCoordinatorThatIsGone(t *testing.T) {
	alive := sidecar(t, "c", func(http.ResponseWriter, *http.Request) {})
	var broken atomic.Int64
	breaks := sidecar(t, "d", func(w http.ResponseWriter, _ *http.Request) {
		broken.Add(1)
		panic(http.ErrAbortHandler)
	})
	for name, other := range map[string]string{"gone": free.Address(t), "breaks off": breaks.Address} {
		r := startRing(t, nil, func(c *ir.Config) { c.Admin.Addresses = []string{alive.Address, other} })
		lost := int64(0)
		for range 8 {
			if got := r.ask(t, http.MethodGet, "/_miroir/nodes"); got.status != http.StatusOK {
				t.Errorf("%s: GET %d %s", name, got.status, got.body)
			}
			before := broken.Load()
			got := send(t, r.request(t, http.MethodPost, "/_miroir/verify", strings.NewReader("{}")))
			if asked := broken.Load() - before; asked != 0 && got.status == http.StatusServiceUnavailable {
				lost++
			} else if asked != 0 || got.status != http.StatusOK {
				t.Errorf("%s: POST %d %s", name, got.status, got.body)
			}
		}
		t.Logf("%s: %d of 8 changes lost", name, lost)
	}
}
