// Package coordinator is the control plane: it forms the cluster, tells every Envoy what to do, and finishes tasks. It
// stands in the path of no search and no write: with every coordinator down, both go on.
//
//	state → formation (who belongs to the cluster) → publish (view → xds) and finisher (node outcomes → tasks)
package coordinator
