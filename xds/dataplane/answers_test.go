package dataplane

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/xds/ir"
)

// wantError checks the shape of an error that Envoy made (ER-2).
func wantError(t *testing.T, got answer, status int, code, kind string) {
	t.Helper()
	var shape struct{ Message, Code, Type, Link string }
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&shape); err != nil {
		t.Errorf("answer %d %q is no error object: %v", got.status, got.body, err)
		return
	}
	if got.status != status || shape.Code != code || shape.Type != kind || shape.Message == "" ||
		shape.Link != ir.DefaultErrorDocs+"#"+code {
		t.Errorf("got %d %+v, want %d %s %s", got.status, shape, status, code, kind)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type %q", kind)
	}
	if retry := got.header.Get("Retry-After"); (retry != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After is %q with %d", retry, status)
	}
	if got.header.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
}

// ER-2: every failure that Envoy itself reports has the shape of an error; what the gateway says passes as it is.
func TestFailuresHaveTheShapeOfErrors(t *testing.T) {
	r := startRing(t, []ir.Node{{ID: "dead", Address: "127.0.0.1:1"}}, func(c *ir.Config) { c.Limits.MaxBodyBytes = 1 << 20 })

	const unavailable = "miroir_shard_unavailable"
	wantError(t, r.ask(t, http.MethodGet, "/"), 503, unavailable, "system")
	wantError(t, r.ask(t, http.MethodGet, "/", askTarget, "node/unknown"), 503, unavailable, "system")
	wantError(t, r.ask(t, http.MethodGet, "/", askTarget, "node/dead"), 503, unavailable, "system")
	wantError(t, r.ask(t, http.MethodGet, "/_miroir/topology"), 503, unavailable, "system")
	wantError(t, r.ask(t, http.MethodGet, "/", askMutate, "x-envoy-internal=1"), 500, "miroir_internal", "internal")

	for _, status := range []int{200, 400, 401, 404, 409, 413, 431, 500, 503, 504} {
		got := r.ask(t, http.MethodGet, "/", askReply, fmt.Sprint(status))
		if got.status != status || got.body != `{"from":"gateway"}` {
			t.Errorf("the gateway's %d came as %d %s", status, got.status, got.body)
		}
	}

	// IN-7, with the length announced and not.
	big := strings.Repeat("a", 1<<20+1)
	for _, body := range []io.Reader{strings.NewReader(big), io.MultiReader(strings.NewReader(big))} {
		got := send(t, r.request(t, http.MethodPost, "/indexes/m/documents", body, askCount, "yes"))
		wantError(t, got, 413, "payload_too_large", "invalid_request")
		if !strings.Contains(got.body, "The maximum accepted payload size is 1 MiB.") {
			t.Errorf("message in %s", got.body)
		}
	}
	exact := strings.NewReader(big[1:])
	if got := send(t, r.request(t, http.MethodPost, "/indexes/m/documents", exact, askCount, "yes")); got.body != fmt.Sprint(1<<20) {
		t.Errorf("a body of exactly the limit: %d %s", got.status, got.body)
	}

	// IN-1: the same head limits as Meilisearch. Host, User-Agent, Connection and the stand-in's order are four more.
	for count, want := range map[int]int{92: 200, 93: 431} {
		req := r.request(t, http.MethodGet, "/", nil, askReply, "200")
		for i := range count {
			req.Header.Set(fmt.Sprintf("A%d", i), "b")
		}
		if got := send(t, req); got.status != want {
			t.Errorf("%d headers: status %d, want %d", count+4, got.status, want)
		} else if want == 431 {
			wantError(t, got, 431, "bad_request", "invalid_request")
		}
	}
	for size, want := range map[int]int{120000: 200, 140000: 431} {
		if got := r.ask(t, http.MethodGet, "/", askReply, "200", "Big", strings.Repeat("a", size)); got.status != want {
			t.Errorf("head of %d bytes: status %d, want %d", size, got.status, want)
		}
	}
	wantError(t, r.ask(t, http.MethodGet, "/a%00b"), 400, "bad_request", "invalid_request")
}

// IN-6: without the gateway nothing passes, and with it again everything does.
func TestGatewayDown(t *testing.T) {
	r := startRing(t, []ir.Node{sidecar(t, "node-0", echo("node-0"))}, nil)
	if got := r.ask(t, http.MethodGet, "/", askTarget, "node/node-0"); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	r.gateway.server.Stop()
	for _, path := range []string{"/", "/health", "/_miroir/topology", "/ui/search/m"} {
		got := r.ask(t, http.MethodGet, path, askTarget, "node/node-0", "Authorization", "Bearer x")
		wantError(t, got, 503, "miroir_shard_unavailable", "system")
	}
	// A preflight says nothing and needs nobody.
	if got := r.ask(t, http.MethodOptions, "/indexes", "Access-Control-Request-Method", "GET"); got.status != 200 {
		t.Errorf("preflight: status %d", got.status)
	}
	r.gateway = startGateway(t, r.cfg.Gateway.SocketPaths[0])
	if got := r.ask(t, http.MethodGet, "/", askTarget, "node/node-0"); got.status != 200 {
		t.Errorf("after the gateway's return: status %d %s", got.status, got.body)
	}
}

// A full gateway is an overload, not a missing one.
func TestOverload(t *testing.T) {
	r := startRing(t, nil, func(c *ir.Config) { c.Limits.GatewayRequests = 1 })
	first := make(chan error, 1)
	req := r.request(t, http.MethodGet, "/", nil, askHold, "yes", askReply, "200")
	go func() {
		_, err := try(req)
		first <- err
	}()
	<-r.gateway.held
	wantError(t, r.ask(t, http.MethodGet, "/", askReply, "200"), 503, "miroir_overloaded", "system")
	close(r.gateway.free)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// A request shown with its headers only has a deadline of its own; one in full duplex has the gateway's and no other.
func TestHeaderDecisionTimeout(t *testing.T) {
	r := startRing(t, nil, func(c *ir.Config) { c.Timeouts.HeaderDecision = 50 * time.Millisecond })
	patient := make(chan answer, 1)
	req := r.request(t, http.MethodGet, "/indexes/m/search", nil, askHold, "yes", askReply, "200")
	go func() {
		got, err := try(req)
		if err != nil {
			got.body = err.Error()
		}
		patient <- got
	}()
	<-r.gateway.held
	wantError(t, r.ask(t, http.MethodGet, "/_miroir/nodes", askHold, "yes"), 504, "miroir_timeout", "system")
	close(r.gateway.free)
	if got := <-patient; got.status != 200 {
		t.Errorf("a slow search: %d %s", got.status, got.body)
	}
}

// A request on which nothing moves is given up, whoever it waits for, and the gateway learns of it.
func TestStreamIdleTimeout(t *testing.T) {
	r := startRing(t, nil, func(c *ir.Config) { c.Timeouts.StreamIdle = 100 * time.Millisecond })
	wantError(t, r.ask(t, http.MethodGet, "/indexes/m/search", askHold, "yes"), 504, "miroir_timeout", "system")
	<-r.gateway.gone
}

// A client that goes away ends the gateway's stream, so that the gateway can stop its legs.
func TestClientGoesAway(t *testing.T) {
	r := startRing(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req := r.request(t, http.MethodGet, "/indexes/m/search", nil, askHold, "yes").WithContext(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := try(req)
		ended <- err
	}()
	<-r.gateway.held
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the client's error is %v", err)
	}
	<-r.gateway.gone
}

// HTTP/2 without TLS, as a proxy in front would speak it.
func TestHTTP2(t *testing.T) {
	r := startRing(t, []ir.Node{sidecar(t, "node-0", echo("node-0"))}, nil)
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	const size = 5 << 20
	resp, err := transport.RoundTrip(r.request(t, http.MethodPost, "/x", io.LimitReader(repeat('0'), size), askTarget, "node/node-0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != size || resp.ProtoMajor != 2 {
		t.Errorf("HTTP/%d, %d bytes back, %v", resp.ProtoMajor, n, err)
	}
}

// The gateway may read the whole body before it says a word, or refuse in the middle of it.
func TestGatewayAnswersAfterTheBody(t *testing.T) {
	r := startRing(t, nil, nil)
	const size = 40 << 20
	zeros := func() io.Reader { return io.LimitReader(repeat('0'), size) }
	if got := send(t, r.request(t, http.MethodPost, "/indexes/m/documents", zeros(), askCount, "yes")); got.body != fmt.Sprint(size) {
		t.Errorf("counted: %d %s", got.status, got.body)
	}
	// The client is still sending when the refusal leaves; it must get it all the same.
	reader, writer := io.Pipe()
	go func() {
		_, err := io.Copy(writer, io.LimitReader(repeat('0'), 2<<20))
		_ = err // broken off by the refusal, or waiting for the test to close the pipe
	}()
	got := send(t, r.request(t, http.MethodPost, "/indexes/m/documents", reader, askRefuse, fmt.Sprint(1<<20)))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if got.status != 400 || got.body != `{"from":"gateway"}` {
		t.Errorf("refused: %d %s", got.status, got.body)
	}
}

type repeat byte

func (b repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// §4 X-Request-Id: the client's where it is well formed, else eight hexadecimal digits; the gateway sees the same one.
func TestRequestID(t *testing.T) {
	r := startRing(t, nil, nil)
	generated := regexp.MustCompile(`^[0-9a-f]{8}$`)
	for sent, kept := range map[string]bool{
		"": false, "a": true, "A.b_c-9": true, strings.Repeat("x", 64): true,
		strings.Repeat("x", 65): false, "a b": false, "ä": false, "a,b": false, "a\"b": false,
	} {
		req := r.request(t, http.MethodGet, "/", nil, askReply, "200")
		if sent != "" {
			req.Header.Set("X-Request-Id", sent)
		}
		got := send(t, req)
		id := got.header.Get("X-Request-Id")
		if kept && id != sent || !kept && !generated.MatchString(id) {
			t.Errorf("%q became %q", sent, id)
		}
		if len(got.header.Values("X-Request-Id")) != 1 || r.gateway.last(t)["x-request-id"] != id {
			t.Errorf("the client got %q, the gateway %q", got.header.Values("X-Request-Id"), r.gateway.last(t)["x-request-id"])
		}
	}
	a, b := r.ask(t, http.MethodGet, "/", askReply, "200"), r.ask(t, http.MethodGet, "/", askReply, "200")
	if a.header.Get("X-Request-Id") == b.header.Get("X-Request-Id") {
		t.Error("two requests got the same id")
	}
	// Two values of one header are not one well-formed id.
	req := r.request(t, http.MethodGet, "/", nil, askReply, "200")
	req.Header["X-Request-Id"] = []string{"a", "b"}
	if got := send(t, req); !generated.MatchString(strings.Join(got.header.Values("X-Request-Id"), "|")) {
		t.Errorf("two ids became %q", got.header.Values("X-Request-Id"))
	}
}

// What a browser sees is what it sees of one Meilisearch 1.50.
func TestCORS(t *testing.T) {
	const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	// Compression is off here: with it, Vary names Accept-Encoding too.
	r := startRing(t, []ir.Node{sidecar(t, "node-0", echo("node-0"))}, func(c *ir.Config) { c.Compression.Enabled = false })
	before := r.gateway.count()
	for _, origin := range []string{"https://app.example", ""} {
		headers := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-foo"}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}
		got := r.ask(t, http.MethodOptions, "/indexes/movies/search", headers...)
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization,x-foo",
			"Access-Control-Max-Age": "86400", "Vary": vary, "Content-Length": "0",
		} {
			if value := got.header.Get(name); value != want {
				t.Errorf("preflight: %s is %q, want %q", name, value, want)
			}
		}
		methods := strings.Split(got.header.Get("Access-Control-Allow-Methods"), ", ")
		if got.status != 200 || len(methods) != 9 {
			t.Errorf("preflight: status %d, methods %v", got.status, methods)
		}
	}
	if got := r.ask(t, http.MethodOptions, "/", "Access-Control-Request-Method", "GET"); len(got.header.Values("Access-Control-Allow-Headers")) != 0 {
		t.Error("headers are allowed that nobody asked for")
	}
	if r.gateway.count() != before {
		t.Error("a preflight reached the gateway")
	}
	// Not a preflight: the gateway's business.
	if got := r.ask(t, http.MethodOptions, "/indexes", "Origin", "https://app.example", askReply, "405"); got.status != 405 {
		t.Errorf("OPTIONS: status %d", got.status)
	}
	for name, got := range map[string]answer{
		"gateway": r.ask(t, http.MethodGet, "/", askReply, "401", "Origin", "https://app.example"),
		"node":    r.ask(t, http.MethodGet, "/", askTarget, "node/node-0", "Origin", "null"),
		"envoy":   r.ask(t, http.MethodGet, "/", askTarget, "node/unknown", "Origin", "https://app.example"),
	} {
		if strings.Join(got.header.Values("Access-Control-Allow-Origin"), "|") != "*" || strings.Join(got.header.Values("Vary"), "|") != vary {
			t.Errorf("%s: %v", name, got.header)
		}
	}
	got := r.ask(t, http.MethodGet, "/", askReply, "200")
	if len(got.header.Values("Access-Control-Allow-Origin")) != 0 || got.header.Get("Vary") != vary {
		t.Errorf("without an origin: %v", got.header)
	}
}

// Answers of the gateway and of nodes are packed for clients that ask for it, brotli first; event streams never are.
func TestCompression(t *testing.T) {
	text := strings.Repeat(`{"a":1}`, 1000)
	node := sidecar(t, "node-0", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", req.Header.Get("X-Test-Type"))
		_, _ = io.WriteString(w, text)
	})
	r := startRing(t, []ir.Node{node}, nil)
	ask := func(accept, kind string) answer {
		return r.ask(t, http.MethodGet, "/", askTarget, "node/node-0", "X-Test-Type", kind, "Accept-Encoding", accept)
	}
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "br": "br", "gzip, deflate, br, zstd": "br", "identity": ""} {
		got := ask(accept, "application/json")
		if encoding := got.header.Get("Content-Encoding"); encoding != want {
			t.Errorf("Accept-Encoding %q gives %q", accept, encoding)
		}
		if want == "gzip" {
			unpacked, err := gzip.NewReader(strings.NewReader(got.body))
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := io.ReadAll(unpacked); err != nil || string(plain) != text {
				t.Errorf("unpacked %d bytes, %v", len(plain), err)
			}
		}
		if want == "" && got.body != text {
			t.Errorf("Accept-Encoding %q: the text changed", accept)
		}
	}
	if got := ask("gzip", "application/json; charset=utf-8"); got.header.Get("Content-Encoding") != "gzip" {
		t.Error("a content type with a parameter is not packed")
	}
	if got := ask("gzip", "text/event-stream"); got.header.Get("Content-Encoding") != "" {
		t.Error("an event stream was packed")
	}
	got := r.ask(t, http.MethodGet, "/", askReply, "200", "Accept-Encoding", "gzip")
	if got.header.Get("Content-Encoding") != "" || got.body != `{"from":"gateway"}` {
		t.Errorf("a short answer was packed: %v", got.header)
	}
}

// Lines of the access log hold no path, no query and no credential.
func TestAccessLog(t *testing.T) {
	r := startRing(t, nil, nil)
	r.ask(t, http.MethodGet, "/indexes/secretindex/documents/secretid?q=secretquery", askReply, "200",
		"Authorization", "Bearer secretkey", "X-Request-Id", "findme")
	r.envoy.Stop(t)
	log := r.envoy.Log()
	if !strings.Contains(log, `"request_id":"findme"`) {
		t.Fatalf("no line in %s", log)
	}
	if strings.Contains(log, "secret") {
		t.Errorf("the log says too much: %s", log)
	}
}
