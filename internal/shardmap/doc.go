// Package shardmap owns the arithmetic of placement: which shard a document belongs to, which nodes should hold a
// shard, how many acknowledgements a write needs and which nodes a read asks.
//
// Everything here is a pure function of its arguments. The package knows no store, clock, network or goroutine, and
// every result is the same on every machine and after every restart (SH-5): placement may be computed by any
// component and compared byte for byte.
package shardmap
