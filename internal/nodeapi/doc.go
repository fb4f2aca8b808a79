// Package nodeapi is the contract between those who send legs (gateway, coordinator) and the sidecar that receives
// them: header names, their forms, the framing of document legs and the answers of the sidecar's own routes.
//
// A leg is an HTTP request for a Meilisearch route under a physical index name. What the sidecar needs besides the
// route travels in headers, so that a leg's body can be streamed from and to Meilisearch untouched.
//
// The package knows neither end: it holds names, codecs and wire structs, no client and no server.
package nodeapi
