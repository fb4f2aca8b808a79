// Package repair owns the workflow that makes the dirty copies of one index on one node equal to complete ones.
//
//		  ┌──────────────────────┐
//		  ▼                      │ missed something again, or the source is no longer good
//		assess ──► copy ──► clear ──► (end)
//		            │ ▲
//		            └─┘ step by step
//
//	  - assess: the markers are read with their revisions, and a source is chosen for every shard: a complete copy on a node
//	    that is up, in the same group if there is one.
//	  - copy: the node's sidecar takes over from the sources what differs, by their journals where these reach back to the
//	    first write that was missed, else by comparing whole shards.
//	  - clear: markers go by transactions that compare their revisions, and that the source has none itself. A write that was
//	    missed meanwhile gave the marker another revision, so the copy stays dirty and is assessed again.
//
// Until its marker is gone a copy serves no reads, while writes reach it all the time. There is no point of no return:
// every step may be done again, and giving up leaves a dirty copy as it was.
//
// A shard never loses its last complete copy by missing writes (package plan of the gateway sees to that). Where one lost
// it in another way, by a disk, the copy that knows most is taken as complete once all copies are up.
//
// The record's id is the physical index and the node.
package repair
