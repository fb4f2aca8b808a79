// Package history is the record of a chaos run: every request of every client with its times and what became of it, and
// what stood in every copy at the end. It is plain data in one JSON file, so that a failed run can be judged again
// without a cluster.
package history
