// Package wire is the client of a benchmark: prepared HTTP/1.1 requests over one kept-alive connection, on the caller's
// goroutine, so that what is measured is the other side.
package wire
