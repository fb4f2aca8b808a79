// Package upkeep owns the workflow behind POST /snapshots and POST /indexes/{uid}/compact: work that every engine does by
// itself, and that changes nothing for clients.
//
//		stage ──► work ──► … ──► work ──► conclude ──► (end)
//
//	  - stage: the task is marked processing, and the nodes are noted.
//	  - work: the next nodes are asked, and their engines' tasks waited for. Snapshots are taken on all nodes at once. An index is
//	    compacted on one node of a group at a time, for an engine is slow meanwhile.
//	  - conclude: the task ends. It succeeds when all nodes did their part; nodes that were down fail it with
//	    miroir_broadcast_incomplete, which names them, and the others have done theirs all the same.
//
// An engine keeps its snapshot on its own disk, where its own options say. The record lists the last ones: which node made
// which, of which version, and when.
package upkeep
