// Package sidecar is the process beside one engine: the only way to it.
//
// Run wires the packages below and owns their lives. proxy is the door; stamp, strip and filter look at what goes
// through it; fence says whether a write may pass; dispatch makes writes idempotent; ensure keeps indexes and settings
// in step with the routing view; holding knows which shards the engine has; probe watches its health; engine is the
// client of it. journal remembers writes on the node's own disk, guard decides about their order, and replica brings it
// about.
//
// A sidecar decides nothing about other nodes: it registers its own, holds its lease and tells how its engine does.
// What it must know after a restart it reads from the store, from the engine and from its journal; the journal may be lost.
package sidecar
