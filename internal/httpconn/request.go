package httpconn

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxRequest is the size up to which a request is small: one write, of which the other side reads all before it answers.
const MaxRequest = 64 << 10

// Request is a request while it is written. Get one from NewRequest and give it back with Release.
type Request struct {
	bytes []byte
	plain bool // a GET
	err   error
}

var requests = sync.Pool{New: func() any { return &Request{bytes: make([]byte, 0, 1<<10)} }}

// NewRequest begins a request for a target, which is a path with its query, both encoded.
func NewRequest(method, target, host string) *Request {
	r, _ := requests.Get().(*Request)
	r.bytes, r.plain, r.err = r.bytes[:0], method == http.MethodGet, nil
	if !clean(method, '!') || !clean(target, '!') || !clean(host, '!') {
		r.err = fmt.Errorf("request line: %w", errMalformed)
	}
	r.bytes = append(append(r.bytes, method...), ' ')
	r.bytes = append(append(r.bytes, target...), " HTTP/1.1\r\nHost: "...)
	r.bytes = append(append(r.bytes, host...), "\r\n"...)
	return r
}

// Header adds a header. A value that holds a control character fails the request: it would be more than a value.
func (r *Request) Header(name, value string) {
	if !clean(value, ' ') && r.err == nil {
		r.err = fmt.Errorf("header %s: %w", name, errMalformed)
	}
	r.bytes = append(append(r.bytes, name...), ": "...)
	r.bytes = append(append(r.bytes, value...), "\r\n"...)
}

// Body ends the request, also one without a body.
func (r *Request) Body(body []byte) {
	if len(body) > 0 || !r.plain {
		r.bytes = append(r.bytes, "Content-Length: "...)
		r.bytes = append(strconv.AppendInt(r.bytes, int64(len(body)), 10), "\r\n"...)
	}
	r.bytes = append(append(r.bytes, "\r\n"...), body...)
}

// Release gives the request back. It must not be used any more.
func (r *Request) Release() {
	if cap(r.bytes) <= MaxRequest {
		requests.Put(r)
	}
}

// clean says whether a text holds no character below least and none that ends a line.
func clean(text string, least byte) bool {
	for i := range len(text) {
		if c := text[i]; (c < least && c != '\t') || c == 0x7F {
			return false
		}
	}
	return true
}

// Fits says whether a request can be sent by this package: its target is ASCII without spaces, and its body is small.
func Fits(target string, body int) bool {
	return body <= MaxRequest && clean(target, '!') && isASCII(target)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Host is the host and port of a base URL that is plain http and has no path, for NewPool; false for any other URL.
func Host(base string) (string, bool) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" {
		return "", false
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), true
}
