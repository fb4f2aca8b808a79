// Package admission bounds how many requests a gateway works on at the same time. What comes beyond waits in a bounded
// queue, and what comes beyond that is refused at once, in Meilisearch's own words where a search is refused, so that
// clients do what they do when one Meilisearch is full.
//
// It knows nothing of what a request asks for, and never waits for a node: a permit is taken before a request begins and
// given back after its answer is made.
package admission
