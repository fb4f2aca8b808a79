// Package bootstrap renders the one file an Envoy is started with: who it is, where the coordinators' xDS listens, and
// its own admin address on loopback. Everything else comes by xDS.
//
// It owns that file only. It must not know what comes by xDS; it holds no secret, so it may lie readable on disk.
package bootstrap
