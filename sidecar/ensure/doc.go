// Package ensure keeps the engine's indexes in step with the routing view, without anybody asking: every catalog index
// with a shard on this node exists on the engine with the settings that the view says, overlaid by what Miroir needs
// itself (spec §3.2); indexes that left the catalog are deleted.
//
// There are two ways in. A leg calls Ensure or Ready for its index and waits for that one alone; the loop in Run goes
// through all of them whenever the view changes, and now and then besides.
//
// Every step is idempotent and decided by what the engine says, so a sidecar that is killed at any line starts again
// from the truth. An index or settings task that is already queued and asked for again changes nothing.
//
// An index that is missing on the engine though it was there before is lost with its documents. Its copies are marked for
// repair before it is created anew (lose), for an empty index must not answer reads.
//
// Settings of an existing index are compared once when the sidecar starts and whenever the committed version changes,
// never in between: while a settings workflow is on its way the engine is ahead of the view, and must not be set back.
//
// Deletion is the one step that can not be taken back. It needs a name that only Miroir makes, a view that is in touch
// with the store, and either an earlier view of this process that held the index, or a long time without it on a node
// that the store knew before.
package ensure
