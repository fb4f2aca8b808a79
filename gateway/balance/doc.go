// Package balance watches how nodes answer legs, and chooses by it which of several copies a read goes to.
//
// A Tracker is told of the begin and the end of every leg. It keeps, for every node, the legs that are under way, how long
// legs took (a peak-sensitive average, and a histogram of the last seconds for quantiles), and which share of them failed.
// From that a snapshot is made a few times a second, which all decisions of one request use.
//
//	healthy ── score far above the others', or failures in a row ──► excluded ── probes answered in time ──► recovering ──► healthy
//
// An excluded node gets one probe a second and nothing else while other owners are there; exclusion alone never makes a
// shard unavailable. A node that recovers gets its share back over ten seconds.
//
// All of it is this gateway's own view; gateways may differ. Which copies a query is read from depends on the query without
// its window, so that its pages come from the same copies: the second of two choices is taken only where it is clearly
// better, and what was chosen for a query is remembered for a while.
package balance
