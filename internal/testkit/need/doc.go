// Package need owns the legitimate reasons not to run a test: the test needs something of a real Meilisearch that the
// project's own engine (engine 1.15) lacks, and no real one is given; or it runs programs of another language that Miroir
// itself has no use for, and they are not installed.
//
// A test declares its need first thing. Where it isn't met the test is then excluded, with a mark in its output that
// names the test and the need; the test runner (hack/ring) counts the marks and prints how many and why. Any skip
// without a mark fails the run. New needs are added to the table here, with the reason, nowhere else.
package need
