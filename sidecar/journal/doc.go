// Package journal is the sidecar's memory of what was written to its node, on its own disk. It owns a Pebble store.
//
// A leg is what one task of the engine does: operations on documents of one index, in order. A leg is begun, gets its
// operations while they stream by, is prepared, which is durable and comes before the engine gets the end of them, and
// registered when the engine has said which task it became. A leg that never reached the engine is void and leaves nothing.
//
//	begin ──► add … add ──► prepare ──► register ──► (bodies dropped) ──► (forgotten)
//	   │                       │
//	   └──────► discard ◄──────┘
//
// How its task ended is not known yet then: Awaited lists such legs, Succeed and Fail say it. A leg that failed leaves only
// that its documents were touched.
//
// Two things are kept, for different times:
//
//   - Operations with their bodies, found by document, for a window of two minutes. By them an operation that comes late
//     is put into its place. Floor is the stamp up to which they may be missing: older operations can't be put in order here.
//   - Changed ids with the versions of their operations, deletions included, and operations that name no document, until
//     they are old or take too much room. They feed the catch-up of another node. LowWater is the place from which on
//     nothing of them is missing.
//
// Places in the journal are stamps of the sidecar's clock, taken when a leg begins. They are later than the stamps of the
// leg's own operations, so whoever missed a write with stamp s finds it, and all that followed, from place s on.
//
// Bodies are opaque bytes. Losing the store is survivable: the next one starts with the present as its floor and low-water
// mark, and whoever needs older changes compares whole shards.
package journal
