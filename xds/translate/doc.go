// Package translate turns a valid ir.Config into Envoy resources: one listener, one route table, one cluster per sidecar
// and one per ordered pair of them, beside those of the gateway and of the coordinators.
//
// It is pure: the same Config gives the same bytes, whatever the order of its nodes and addresses. It owns every
// decision about Envoy's settings and the reason for it; it must not know revisions, streams or who asks.
//
// The HTTP filters, in the order in which a request meets them (an answer meets them the other way round):
//
//	brotli, gzip packs answers for clients that ask for it
//	sanitize     removes what only the inside may say, notes the client's address
//	request id   replaces a missing or malformed X-Request-Id
//	vary         the Vary header of every answer
//	cors         Access-Control-Allow-Origin on answers to browsers
//	body limit   413 past ir.Limits.MaxBodyBytes, not below the admin and UI paths
//	gateway      ext_proc: the gateway decides
//	router
package translate
