// Package engine is the sidecar's own client of the Meilisearch process beside it: the few calls that the sidecar makes
// for itself, and the pooled transport through which the proxy forwards legs.
//
// It speaks only the public REST API and decodes only what its callers decide by. It knows no cluster.
package engine
