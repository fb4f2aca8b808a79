// Package shim stands between two processes on their TCP connections, and cuts, delays or loses what they say to each other.
package shim
