// Package digest makes short proofs of what a node holds of a shard, so that two copies can be compared without sending
// them.
//
// A leaf stands for one document: its id, its version and its content. Leaves are added up in 256 buckets by their ids, so a
// digest does not depend on the order in which an engine lists documents. The root stands for all buckets.
//
// Content is what clients wrote: fields in the order of their names, without the reserved fields that have their own place
// in the leaf or follow from the id, and without vectors that the engine makes itself.
//
// The package is pure.
package digest
