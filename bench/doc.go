// Command bench measures what Miroir costs: one engine and clusters of `miroir dev`, in one run on the same documents.
// docs/performance.md says how it measures and what was found.
//
// It sees processes from the outside, like a client and like an operator; of the inside it knows the contracts in internal
// that tell which legs a search has.
package main
