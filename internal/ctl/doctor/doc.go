// Package doctor judges the shared state of a cluster: whether every record can be read by this program, and whether the
// records agree with each other. It is pure: entries come in, findings go out.
//
// It knows the families of docs/keyspace.md. What it does not know it says so about, and judges no further: a newer version
// may keep more.
package doctor
