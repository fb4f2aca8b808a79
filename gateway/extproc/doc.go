// Package extproc speaks Envoy's external processing protocol: one gRPC stream per client request. It turns a stream
// into a request whose body is read straight from the stream, so that a slow reader holds Envoy and the client back, and
// turns a reply into the messages that Envoy acts on.
//
// All state of a request lives in its stream's goroutine. This is the only package of the gateway that imports the
// protocol's messages.
package extproc
