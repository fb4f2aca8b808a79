package serve

import (
	"bytes"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/reply"
)

// RT-7: a client that takes nothing but deflate gets it, for Envoy would leave the answer as it is; all others are Envoy's.
func TestDeflate(t *testing.T) {
	body := `{"status":"` + strings.Repeat("available ", 10) + `"}`
	for accept, want := range map[string]bool{
		"deflate": true, "Deflate": true, "deflate;q=1, identity": true, "": false, "gzip": false, "gzip, deflate": false, "gzip, deflate, br, zstd": false,
		"deflate, *": false, "deflate;q=0": false, "identity": false,
	} {
		c := &call{Request: &extproc.Request{Header: http.Header{"Accept-Encoding": {accept}}}}
		before := reply.JSON(http.StatusOK, []byte(body))
		after := c.deflate(before)
		if (after.Header.Get("Content-Encoding") == "deflate") != want {
			t.Errorf("Accept-Encoding %q: %v", accept, after.Header)
		}
		if before.Header.Get("Content-Encoding") != "" || string(before.Body) != body {
			t.Errorf("Accept-Encoding %q: an answer that others share was changed", accept)
		}
		if !want {
			continue
		}
		r, err := zlib.NewReader(bytes.NewReader(after.Body))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(r); err != nil || string(plain) != body {
			t.Errorf("%q: %s %v", accept, plain, err)
		}
	}
	c := &call{Request: &extproc.Request{Header: http.Header{"Accept-Encoding": {"deflate"}}}}
	for name, r := range map[string]*reply.Reply{"short": reply.JSON(http.StatusOK, []byte(`{}`)), "empty": reply.Empty(http.StatusNoContent), "routed": {Route: &reply.Route{}}} {
		if got := c.deflate(r); got != r {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
