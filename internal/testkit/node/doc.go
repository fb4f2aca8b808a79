// Package node owns the start and the end of a single engine for tests: a Meilisearch given by MEILISEARCH_BIN or the
// PATH, else the project's own engine from bin/. A node listens on a free loopback port, answers /health before Start
// returns, and is gone when the test ends.
//
// It knows nothing of sidecars or clusters.
package node
