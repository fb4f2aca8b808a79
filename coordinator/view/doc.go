// Package view owns the coordinator's snapshot of the cluster: what it should be (records) beside what it is seen to be
// (leases, open tasks). Deciders read it and nothing else, so that a decision can be tested with a literal.
//
// It knows no store and no network; whoever holds the watches takes a Snapshot from them.
package view
