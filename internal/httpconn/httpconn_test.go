package httpconn

import (
	"bufio"
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
)

// far is longer than any test takes.
const far = time.Minute

func poolFor(t testing.TB, base string, o Options) *Pool {
	t.Helper()
	host, ok := Host(base)
	if !ok {
		t.Fatalf("%s is no plain http URL", base)
	}
	if o.MaxConns == 0 {
		o = Options{MaxConns: 4, MaxIdle: 4, IdleTimeout: far, DialTimeout: far}
	}
	p := NewPool(host, o)
	t.Cleanup(p.Close)
	return p
}

// ask sends one request and reads all of the answer.
func ask(ctx context.Context, p *Pool, method, target string, body []byte) (*Response, []byte, error) {
	r := NewRequest(method, target, "node")
	defer r.Release()
	r.Header("X-Test", "a b")
	r.Body(body)
	res, err := p.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	all, err := res.All(1 << 20)
	return res, all, errors.Join(err, res.Close())
}

func TestAnswersOfEveryFormOnOneConnection(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr]++
		mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if r.Host != "node" || r.Header.Get("X-Test") != "a b" || r.Method == http.MethodGet && r.Header.Get("Content-Length") != "" {
			t.Errorf("request %s %+v", r.Host, r.Header)
		}
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNoContent)
			return
		case "/trailer":
			w.Header().Set("Trailer", "X-Sum")
			defer w.Header().Set("X-Sum", "7")
			fallthrough
		case "/chunked":
			w.(http.Flusher).Flush()
		case "/busy":
			w.Header().Set("Retry-After", "10")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.Repeat(body, 3))
	}))
	defer server.Close()
	p := poolFor(t, server.URL, Options{})
	long := strings.Repeat("0123456789", 5000)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/plain?a=b%20c", "xyz", 200}, {"POST", "/chunked", "xyz", 200}, {"POST", "/trailer", "xyz", 200}, {"POST", "/busy", "q", 503},
		{"DELETE", "/none", "", 204}, {"GET", "/plain", "", 200}, {"POST", "/chunked", long, 200}, {"POST", "/plain", long, 200},
	} {
		res, body, err := ask(t.Context(), p, c.method, c.path, []byte(c.body))
		if err != nil || res.Status != c.status || string(body) != strings.Repeat(c.body, 3) {
			t.Fatalf("%s %s: %+v %.20s, %v", c.method, c.path, res, body, err)
		}
		if c.status == 503 && res.RetryAfter != "10" {
			t.Errorf("Retry-After %q", res.RetryAfter)
		}
		if c.path == "/plain" && c.body != "" && res.ContentType != "application/json" {
			t.Errorf("Content-Type %q", res.ContentType)
		}
	}
	if len(peers) != 1 {
		t.Errorf("connections: %v", peers)
	}
}

func TestABodyThatIsNotReadToItsEndCostsTheConnection(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		_, _ = w.Write([]byte("some text"))
	}))
	defer server.Close()
	p := poolFor(t, server.URL, Options{})
	for range 2 {
		r := NewRequest("GET", "/", "node")
		r.Body(nil)
		res, err := p.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Close()
		_ = res.Close() // twice does no harm
	}
	if len(connections) != 2 {
		t.Errorf("%d connections", len(connections))
	}
	r := NewRequest("GET", "/", "node")
	r.Body(nil)
	res, err := p.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Close() }()
	if _, err := res.All(3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a body of nine bytes within three: %v", err)
	}
}

// A sidecar that was restarted has closed what stands idle here.
func TestAClosedConnectionIsFoundBeforeARequestIsSentOnIt(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer server.Close()
	p := poolFor(t, server.URL, Options{})
	if _, _, err := ask(t.Context(), p, "GET", "/", nil); err != nil {
		t.Fatal(err)
	}
	idle := p.idle[0]
	server.CloseClientConnections()
	if _, err := idle.net.Read(make([]byte, 1)); err == nil { // waits until the end has come in
		t.Fatal("the connection is still open")
	}
	if res, _, err := ask(t.Context(), p, "GET", "/", nil); err != nil || res.Status != 200 {
		t.Fatal(err)
	}
	if len(p.idle) != 1 || p.idle[0] == idle {
		t.Error("the closed connection was kept")
	}
}

func TestConnectionsGrowOld(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { connections[r.RemoteAddr] = true }))
	defer server.Close()
	p := poolFor(t, server.URL, Options{MaxConns: 1, MaxIdle: 1, IdleTimeout: 0, DialTimeout: far})
	for range 2 {
		if _, _, err := ask(t.Context(), p, "GET", "/", nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 2 {
		t.Errorf("%d connections", len(connections))
	}
}

func TestTheEndOfTheContextEndsTheExchange(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.(http.Flusher).Flush()
		}
		arrived <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)
	why := errors.New("why")
	for _, path := range []string{"/head", "/body"} {
		p := poolFor(t, server.URL, Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-arrived
			cancel(why)
		}()
		if _, _, err := ask(ctx, p, "GET", path, nil); !errors.Is(err, why) {
			t.Errorf("%s: %v", path, err)
		}
		if len(p.idle) != 0 || len(p.slots) != 0 {
			t.Errorf("%s: the connection was kept", path)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, _, err := ask(ctx, poolFor(t, server.URL, Options{}), "GET", "/", nil); err == nil {
		t.Error("a request after its deadline is answered")
	}
}

func TestMoreThanMaxConnsWait(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	p := poolFor(t, server.URL, Options{MaxConns: 1, MaxIdle: 1, IdleTimeout: far, DialTimeout: far})
	p.slots <- struct{}{} // one is in use
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := ask(ctx, p, "GET", "/", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	second := make(chan error, 1)
	go func() {
		_, _, err := ask(t.Context(), p, "GET", "/", nil)
		second <- err
	}()
	close(release)
	<-p.slots
	if err := <-second; err != nil {
		t.Error(err)
	}
}

// As many wait for a connection as may; the next one is told so at once.
func TestTheQueueForConnectionsIsBounded(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		began <- struct{}{}
		<-end
	}))
	defer server.Close()
	p := poolFor(t, server.URL, Options{MaxConns: 1, MaxWaiting: 1, MaxIdle: 1, IdleTimeout: far, DialTimeout: far})
	done := make(chan error, 2)
	get := func() {
		_, _, err := ask(t.Context(), p, http.MethodGet, "/", nil)
		done <- err
	}
	go get()
	<-began
	p.waiting.Add(1) // somebody waits
	if _, _, err := ask(t.Context(), p, http.MethodGet, "/", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("%v instead of ErrBusy", err)
	}
	p.waiting.Add(-1)
	go get()
	end <- struct{}{}
	<-began
	end <- struct{}{}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if p.waiting.Load() != 0 {
		t.Error("somebody waits for ever")
	}
}

func TestARequestThatWouldBeMoreThanOneIsRefused(t *testing.T) {
	p := poolFor(t, "http://127.0.0.1:1", Options{})
	for name, r := range map[string]*Request{
		"target": NewRequest("GET", "/a b", "node"), "line": NewRequest("GET", "/a\r\nX: y", "node"), "host": NewRequest("GET", "/", "a\nb"),
	} {
		r.Body(nil)
		if _, err := p.Do(t.Context(), r); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := NewRequest("GET", "/", "node")
	r.Header("X-Bad", "a\r\nX-Worse: b")
	r.Body(nil)
	if _, err := p.Do(t.Context(), r); !errors.Is(err, errMalformed) {
		t.Errorf("header: %v", err)
	}
}

func TestHostsOfBaseURLs(t *testing.T) {
	for base, want := range map[string]string{
		"http://a:1": "a:1", "http://a": "a:80", "http://[::1]:7": "[::1]:7", "https://a:1": "", "a:1": "", "http://": "", "": "", "http://a/": "a:80", "http://a/b": "",
	} {
		if got, ok := Host(base); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", base, got, ok)
		}
	}
}

func TestWhatFits(t *testing.T) {
	for target, want := range map[string]bool{"/indexes/a--1/search?q=a%20b": true, "/a b": false, "/ä": false, "/a\n": false} {
		if Fits(target, 10) != want {
			t.Errorf("%q: %v", target, !want)
		}
	}
	if Fits("/", MaxRequest+1) {
		t.Error("a large body fits")
	}
}

var answers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 200\r\nconnection: close\r\n\r\nrest", "HTTP/1.1 404 x\r\nCONTENT-LENGTH:  1 \r\nRetry-After: 3\r\n\r\n!",
	"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
	"HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
}

// FuzzAnswer compares with net/http: what is understood here is understood there, and means the same.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		status, body, err := receive(raw)
		if err != nil {
			return
		}
		want, errWant := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: http.MethodPost})
		if errWant != nil {
			t.Fatalf("%q is understood as %d, net/http says %v", raw, status, errWant)
		}
		wantBody, errWant := io.ReadAll(want.Body)
		if errWant != nil || status != want.StatusCode || !bytes.Equal(body, wantBody) {
			t.Fatalf("%q is understood as %d %q, by net/http as %d %q, %v", raw, status, body, want.StatusCode, wantBody, errWant)
		}
	})
}

// receive reads an answer as from a connection that then ends.
func receive(raw []byte) (int, []byte, error) {
	here, there := net.Pipe()
	defer func() { _ = here.Close() }()
	go func() {
		_, _ = there.Write(raw)
		_ = there.Close()
	}()
	r := &Response{pool: &Pool{}, ctx: context.Background(), conn: newConn(here)}
	if err := r.open(); err != nil {
		return 0, nil, err
	}
	body, err := r.All(1 << 20)
	return r.Status, body, err
}

func TestAnswersThatAreUnderstood(t *testing.T) {
	want := []string{"ok", "ok", "ok", "", "rest", "!"}
	for i, raw := range answers {
		status, body, err := receive([]byte(raw))
		if i < len(want) && (err != nil || string(body) != want[i]) || i >= len(want) && err == nil {
			t.Errorf("%q: %d %q, %v", raw, status, body, err)
		}
	}
}
