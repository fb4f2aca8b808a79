// Package envoy starts a real Envoy for tests and stops it again, by its own process id.
//
// Which binary, internal/parts knows. A missing one is a failure that says so; a test never skips because of it.
package envoy
