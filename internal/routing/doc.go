// Package routing owns the routing view: everything a gateway needs to send a request to the right nodes, at one
// epoch, and the JSON records it is made of.
//
// A View is immutable. Whoever watches the store builds a new one for every change and swaps a pointer; a request
// keeps the view it started with. The epoch is the store revision that last changed the view, so two processes that
// name the same epoch route alike.
//
// The package knows no store and no network: records come in as bytes, a View comes out. A record of an unknown
// version, or one that does not parse, is refused, and the caller keeps the last good record (Builder does).
package routing
