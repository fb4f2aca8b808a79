// Package sidecar is the process beside one engine: the only way to it.
//
// Run wires the packages below and owns their lives. proxy is the door; stamp, strip and filter look at what goes
// through it; fence says whether a write may pass; dispatch makes writes idempotent; ensure keeps indexes and settings
// in step with the routing view; holding knows which shards the engine has; probe watches its health; engine is the
// client of it.
//
// A sidecar decides nothing about other nodes: it registers its own, holds its lease and tells how its engine does.
// It keeps nothing on disk. What it must know after a restart it reads from the store and from the engine.
package sidecar
