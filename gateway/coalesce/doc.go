// Package coalesce lets equal requests that come at nearly the same time share one run of the work (F10).
//
//	first ──► leads: runs ──► ended: its answer goes to all who joined, if it may be shared
//	equal ──► within the window after the first began, and before it ended: joins
//	        otherwise: leads a run of its own
//
// What is equal is its caller's business: a key must hold everything that the answer depends on, and who asked. A run that
// was joined goes on when the client that led it leaves. An answer that may not be shared (an error, or one that lacks
// shards) is the leader's alone; everybody who had joined runs for himself then.
package coalesce
