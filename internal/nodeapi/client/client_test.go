package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/httpconn"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// A leg arrives the same whichever way it is sent, and its answer comes back whole.
func TestLegsOfEverySize(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := nodeapi.ReadLeg(r.Header)
		if err != nil || l.Epoch != 9 || len(l.Shards) != 2 || r.Header.Get("Authorization") != "Bearer key" || r.URL.RawQuery != "a=b" {
			t.Errorf("%+v, %v, %s", l, err, r.URL)
		}
		if r.Header.Get("Content-Type") != "text/x" {
			w.WriteHeader(http.StatusUnsupportedMediaType)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	c := New(Options{NodeKey: "key"})
	defer c.Close()
	r := Request{
		Address: server.URL + "/", Method: http.MethodPost, Path: "/documents?a=b", ContentType: "text/x",
		Leg: nodeapi.Leg{Epoch: 9, Shards: []int{1, 2}, Count: 4},
	}
	for name, body := range map[string][]byte{"nothing": nil, "small": []byte("{}"), "large": bytes.Repeat([]byte("x"), 3*httpconn.MaxRequest)} {
		r.Body, r.Stream = body, nil
		if a, err := c.Do(t.Context(), r); err != nil || a.Status != http.StatusOK || !bytes.Equal(a.Body, body) {
			t.Errorf("%s: %d with %d bytes, %v", name, a.Status, len(a.Body), err)
		}
		r.Stream, r.StreamSize = bytes.NewReader(body), -1
		if a, err := c.Do(t.Context(), r); err != nil || a.Status != http.StatusOK || !bytes.Equal(a.Body, body) {
			t.Errorf("%s as a stream: %d with %d bytes, %v", name, a.Status, len(a.Body), err)
		}
	}
	r.Body, r.Stream, r.ContentType = []byte("{}"), nil, ""
	if a, err := c.Do(t.Context(), r); err != nil || a.Status != http.StatusUnsupportedMediaType {
		t.Errorf("without a type: %d, %v", a.Status, err)
	}
}

// LO-2: legs carry the id of the request that they are sent for, whichever way they are sent.
func TestLO2LegsCarryTheRequest(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get(telemetry.HeaderRequest) }))
	defer server.Close()
	c := New(Options{NodeKey: "key"})
	defer c.Close()
	for _, body := range [][]byte{nil, bytes.Repeat([]byte("x"), 2*httpconn.MaxRequest)} {
		for _, id := range []string{"7f00ab12", ""} {
			if _, err := c.Do(telemetry.WithRequest(t.Context(), id), Request{Address: server.URL, Method: http.MethodPost, Path: "/x", Body: body}); err != nil || got != id {
				t.Errorf("%d bytes for %q: %q, %v", len(body), id, got, err)
			}
		}
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write([]byte("more than ten bytes"))
	}))
	defer server.Close()
	c := New(Options{NodeKey: "key", MaxAnswer: 10})
	defer c.Close()
	for _, path := range []string{"/", "/chunked"} {
		if _, err := c.Do(t.Context(), Request{Address: server.URL, Method: http.MethodGet, Path: path}); !errors.Is(err, httpconn.ErrTooLarge) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Errors name neither addresses nor what was searched for.
func TestErrorsTellNothingOfTheRequest(t *testing.T) {
	c := New(Options{NodeKey: "secret-key"})
	defer c.Close()
	for _, body := range []int{1, 2 * httpconn.MaxRequest} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Do(ctx, Request{Address: "http://127.0.0.1:1", Method: http.MethodPost, Path: "/documents/secret-id", Body: bytes.Repeat([]byte("s"), body)})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
	}
}

// Connections to a node that is gone do not stay for ever.
func TestPeersThatAreNotUsedAreForgotten(t *testing.T) {
	var mu sync.Mutex
	closed := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	c := New(Options{NodeKey: "key"})
	defer c.Close()
	if _, err := c.Do(t.Context(), Request{Address: server.URL, Method: http.MethodGet, Path: "/"}); err != nil {
		t.Fatal(err)
	}
	c.small.of(server.URL).used.Store(0)
	if c.small.of("https://elsewhere") != nil {
		t.Error("an address that needs TLS has a pool")
	}
	<-closed
	if _, known := c.small.peers.Load(server.URL); known {
		t.Error("the peer is still known")
	}
}
