// Package task owns Miroir's own tasks: the record in the store, how the outcomes of node tasks add up to one logical
// task, and which tasks a filter selects.
//
// A task's dispatch id on every node is its uid in decimal, so that a node's engine task is always found again through
// its custom metadata, whoever died in between. The package is pure: it asks no node and writes no store.
package task
