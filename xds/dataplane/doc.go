// Package dataplane holds the tests of the xds rooms that need a real Envoy: ring dataplane.
// It has no code of its own. The gateway and the sidecars are small stand-ins inside the tests, so that what is seen is
// Envoy's doing.
package dataplane
