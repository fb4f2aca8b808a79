//go:build dataplane

package dataplane

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/xds/ir"
)

func TestExplore(t *testing.T) {
	node := sidecar(t, "node-0", func(w http.ResponseWriter, r *http.Request) {
		d, _ := httputil.DumpRequest(r, true)
		w.Write(d)
	})
	dead := ir.Node{ID: "dead", Address: "127.0.0.1:1"}
	r := startRing(t, []ir.Node{node, dead}, func(c *ir.Config) { c.Limits.MaxBodyBytes = 1 << 20 })
	do := func(what string, req *http.Request) {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println("=====", what, err)
			return
		}
		d, _ := httputil.DumpResponse(resp, true)
		fmt.Printf("===== %s\n%s\n", what, d)
	}
	do("routed", r.request(t, "GET", "/a//b/../c%2Fd?x=1", askTarget, "node/node-0", "x-miroir-leg-shards", "1", "X-Meili-Proxy-Origin-Remote", "a", "X-Envoy-Foo", "1", "x-miroir-client-address", "evil", "cookie", "a=b", "x-miroir-session", "s"))
	do("origin", r.request(t, "GET", "/a", askTarget, "node/node-0", "origin", "http://x", "x-request-id", "abc"))
	do("badid", r.request(t, "GET", "/a", askReply, "200", "origin", "http://x", "x-request-id", "ab c"))
	do("reply503", r.request(t, "GET", "/a", askReply, "503"))
	do("reply404", r.request(t, "GET", "/a", askReply, "404"))
	do("no target", r.request(t, "GET", "/a"))
	do("unknown target", r.request(t, "GET", "/a", askTarget, "node/zzz"))
	do("dead", r.request(t, "GET", "/a", askTarget, "node/dead"))
	do("admin", r.request(t, "GET", "/_miroir/x"))
	do("preflight", r.request(t, "OPTIONS", "/a", "origin", "http://x", "access-control-request-method", "POST", "access-control-request-headers", "authorization,x-foo"))
	do("preflight2", r.request(t, "OPTIONS", "/a", "access-control-request-method", "POST"))
	big := r.request(t, "POST", "/a", askTarget, "node/node-0")
	b2, _ := http.NewRequest("POST", r.url+"/a", strings.NewReader(strings.Repeat("a", 2<<20)))
	b2.Header = big.Header.Clone()
	do("big", b2)
	b3, _ := http.NewRequest("POST", r.url+"/a", struct{ *strings.Reader }{strings.NewReader(strings.Repeat("a", 2<<20))})
	b3.ContentLength = -1
	b3.Header = big.Header.Clone()
	do("big chunked", b3)
	do("mutate", r.request(t, "GET", "/a", askTarget, "node/node-0", askMutate, "x-envoy-foo=1"))
	h := r.request(t, "GET", "/a", askTarget, "node/node-0")
	for i := range 100 {
		h.Header.Set(fmt.Sprint("a", i), "b")
	}
	do("431", h)
	do("bad path", r.request(t, "GET", "/a%00", askTarget, "node/node-0"))
	r.gateway.server.Stop()
	do("down", r.request(t, "GET", "/a", askTarget, "node/node-0"))
	do("down admin", r.request(t, "GET", "/_miroir/x", askTarget, "node/node-0"))
	do("down preflight", r.request(t, "OPTIONS", "/a", "access-control-request-method", "POST"))
	fmt.Println(r.control.Acked())
	r.envoy.Stop(t)
	fmt.Println(r.envoy.Log())
}
