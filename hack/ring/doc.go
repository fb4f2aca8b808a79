// Command ring runs the project's test rings: lint, unit, store, dataplane, e2e.
//
// It owns what a passed run means. A test that fails, fails the run; so does a test that is skipped, for a skipped
// test proves nothing. The one exception is a test that declared, through internal/testkit/need, that it needs
// something of a real Meilisearch while none is given: it is counted, and the last lines say how many and why.
//
// It knows nothing of what the tests test.
package main
