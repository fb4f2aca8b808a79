// Package report holds what a benchmark found: as values that are kept as JSON, and as tables for a terminal. Times are
// milliseconds there.
package report
