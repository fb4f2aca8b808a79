// Package transfer moves documents between the nodes that hold copies of a shard.
//
// A Source answers what its node has: which documents changed since a place of its journal, documents by their ids with
// all that is known about their order, an inventory of a shard, its digest. It answers only for complete copies, and for
// a document only when the engine has carried out what the journal knows of it.
//
// A Target makes its own copies equal to those of a source, in steps that may be repeated at any time. It takes the list of
// documents from the journals of both nodes, or, where they do not reach back, by digests: those of a shard are compared, then
// the inventories of the buckets that differ. Document by document
// it compares what both have (decide, which is pure) and writes what differs as a leg of its own. Client writes go on
// meanwhile: what they bring is newer than the copy and is put on top of it by package replica, and a copy that lacks
// something this node has already is left for the next step.
//
// The source is right, not the newer stamp: its copies are complete, so whatever this node has and the source has not was
// never accepted, or is on its way.
//
// The package decides neither what to repair nor from whom. The coordinator does.
package transfer
