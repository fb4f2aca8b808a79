package wire

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestsFollowEachOtherOnOneConnection(t *testing.T) {
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer key" || r.Header.Get("X-More") != "yes" || r.URL.Path != "/indexes/a/search" {
			w.WriteHeader(http.StatusBadRequest)
		}
		if len(body) == 2 { // once chunked, once with a length
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(bytes.Repeat(body, 3))
	}))
	defer server.Close()
	c, err := Dial(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, body := range []string{"{}", `{"q":""}`, "{}"} {
		request, err := Post(server.URL+"/indexes/a/search", "key", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(WithHeader(request, "X-More", "yes")); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		status, err := c.Receive(&got)
		if err != nil || status != http.StatusOK || got.String() != strings.Repeat(body, 3) {
			t.Fatalf("%d %q, %v", status, got.String(), err)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d connections", len(seen))
	}
}

func TestAConnectionThatEndsIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
	}))
	defer server.Close()
	c, err := Dial(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	request, _ := Post(server.URL, "key", nil)
	if err := c.Send(request); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Receive(io.Discard); err == nil {
		t.Error("no error")
	}
}
