// Package suite is one run of the benchmark from its flags to its report: what is started, measured in which order, and
// compared with what.
//
// What shall be compared is measured in one run, in short rounds that take turns, so that everybody sees the same
// machine. The parts of a run know how to measure one thing each; only this package knows the order.
package suite
