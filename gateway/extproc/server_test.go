package extproc

import (
	"net/http"
	"slices"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

func TestHeadersOfARequest(t *testing.T) {
	var list []*core.HeaderValue
	for _, h := range [][2]string{
		{":method", "POST"}, {":path", "/indexes/a%20b/search?q=x?y"}, {":authority", "h"}, {"content-type", "application/json"},
		{"x-request-id", "7"}, {"accept", "a"}, {"x-own", "one"}, {"accept", "b"}, {"x-own", "two"}, {"accept", "c"},
	} {
		list = append(list, &core.HeaderValue{Key: h[0], RawValue: []byte(h[1])})
	}
	list = append(list, &core.HeaderValue{Key: "x-text", Value: "as text"})
	r := readRequest(list, http.NoBody)
	if r.Method != "POST" || r.Path != "/indexes/a%20b/search" || r.Query != "q=x?y" {
		t.Errorf("%+v", r)
	}
	for name, want := range map[string][]string{
		"Content-Type": {"application/json"}, "X-Request-Id": {"7"}, "Accept": {"a", "b", "c"}, "X-Own": {"one", "two"}, "X-Text": {"as text"},
	} {
		if got := r.Header.Values(name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range known {
		if got := http.CanonicalHeaderKey(name); got != want {
			t.Errorf("the canonical form of %s is %s", name, got)
		}
	}
}
