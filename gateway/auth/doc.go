// Package auth decides whether a request's credential allows its operation, and what of the cluster it may touch. The
// action that a route needs stands in the operation table; this package checks it, in the order of the specification
// (AU-6 to AU-12) and in Meilisearch's words. It knows no path and no body.
//
// A credential is the master key, an API key or a tenant token. What it allows comes out as a Grant, which handlers ask
// about every index that they touch. The keys of the cluster are adopted whole from the store's watch, so that a key that
// was deleted, or changed, is so for the next request.
//
// Credentials are compared over their SHA-256 digests in constant time. Nothing here logs or returns a credential; who
// must name one in a log line uses its Fingerprint.
package auth
