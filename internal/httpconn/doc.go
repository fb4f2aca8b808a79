// Package httpconn sends small HTTP/1.1 requests over kept-alive connections on the caller's goroutine. Between gateway,
// sidecar and engine a search crosses seven connections; net/http's client wakes two goroutines for each of them, which
// costs more than the bytes do.
//
// It does what such a request needs and nothing else: no redirects, no proxies, no compression, no cookies, no bodies that
// are produced while they are sent, no TLS. Whoever needs one of them takes net/http. It knows neither legs nor engines.
//
// A request is never sent twice here: whether that is safe only its sender knows. A connection that the other side has
// closed meanwhile is found before a request is sent on it.
package httpconn
