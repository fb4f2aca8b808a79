// Package settings owns the workflow that changes the settings of an index on all of its nodes in two phases.
//
//		stage ─► (rest) ─► propose ──► verify ──► commit ─► (turn ─► propose ─► verify) ─► conclude ──► (end)
//		                      │  ▲       │ ▲                                                  ▲
//		                      │  └───────┤ └── repair                                         │
//		                      └──────────┴──► rollback ───────────────────────────────────────┤
//		                                         └──► freeze ─────────────────────────────────┘
//
//	  - stage: the task is looked up and marked processing, the committed version it starts from is noted, and in which order
//	    nodes get the change: all at once, one after the other, or in waves, one half of the replica groups after the other.
//	  - rest: the half that changes first serves no reads, and all gateways know.
//	  - propose: every live node that holds a shard gets the change, and has carried it out.
//	  - verify: every one of them is read back; all must show the same engine view, and what the change does not name must be
//	    as it was committed. Together they must cover every shard in one active group.
//	  - repair: nodes that show something else get what differs, at most MaxRepairs times.
//	  - commit: the point of no return. One compare-and-swap on the version makes the new client view the committed one.
//	  - turn: the commit took the other half out of the reads, and all gateways know. It gets the change as the first one did.
//	    What fails there fails no more than the node: it is out of step with what is committed.
//	  - rollback: nodes that took the change get the committed values back, where others refused it or were told to stop it.
//	    They are read back: where one that answers is not as it was, it is sent again, at most MaxRepairs times.
//	  - freeze: a rollback that is not proven leaves nodes with different settings. The index takes no writes of documents until
//	    a later change is committed, or an operator says so.
//	  - conclude: the task is finished, with the error that caused a rollback, or without.
//
// The engines themselves merge the change with what they have and say what came of it, so a change means exactly what it
// means to one Meilisearch. Nodes that are down block nothing: their sidecars compare the engine with the committed
// version when it changes and when they start.
//
// The record's id is the physical index, so that one change at a time per index is a property of the store. Changes of
// one index follow each other in the order of their task uids. Nodes may know later ones already, for the gateway that
// accepts a change presents it to them under the task's dispatch id; whatever takes a change back sends these again.
package settings
