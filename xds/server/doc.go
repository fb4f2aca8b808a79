// Package server gives every Envoy of the cluster the same snapshot over one aggregated xDS stream and keeps account of
// who has accepted what.
//
// It owns the gRPC server, the ledger of acknowledgements and their metrics. It must not know where a configuration
// comes from, nor decide what to do about an Envoy that lags: it says so, loudly.
//
// Order duties: Publish may be called before, during and after Serve, from one goroutine or many; the revision must not
// go back. Serve is called once.
//
// An Envoy counts as having acknowledged a revision when, for every type of resource, it accepted a response that holds
// what that revision holds. A revision that changed nothing needs no message and is acknowledged at once.
package server
