// Package envoy starts a real Envoy for tests and stops it again, by its own process id.
//
// The binary is, in this order: the file that ENVOY_BIN names, envoy on PATH, bin/envoy at the root of the project. A
// missing one is a failure that says so; a test never skips because of it.
package envoy
