// Package digest makes short proofs of what a node holds of a shard, so that two copies can be compared without sending
// them.
//
// A leaf stands for one document: its id and its version, and, in a deep digest, its content. Leaves are added up in 256
// buckets by their ids, so a digest does not depend on the order in which an engine lists documents, and takes 6 KiB however
// many there are. The root stands for all buckets.
//
// Content is what clients wrote, in one form of JSON: members by their names (an engine shows them in the order in which it
// first saw their fields), numbers in their shortest writing. It leaves out the reserved fields that have their own place in
// the leaf or follow from the id, and vectors that the engine makes itself.
//
// The package is pure.
package digest
