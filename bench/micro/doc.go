// Package micro runs the Go benchmarks of the hot paths and reads what they print.
package micro
