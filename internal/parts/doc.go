// Package parts owns the answer to where the foreign programs are that a cluster on one machine needs: Envoy, and an
// engine for every node.
//
// The order is the same everywhere: what the caller names, the environment (ENVOY_BIN, MEILISEARCH_BIN), the PATH,
// and at last what `make tools` placed beside our own binaries. Nothing is downloaded or started here.
package parts
