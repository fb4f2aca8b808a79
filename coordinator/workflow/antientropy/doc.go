// Package antientropy owns the workflow that proves the copies of shards equal, and repairs what drifted without anybody
// noticing.
//
//		plan ──► scan ──┐
//		          ▲     │ some shards a step
//		          └─────┘──► (end)
//
//	  - plan: the indexes are listed.
//	  - scan: the digests of all complete copies of a shard are compared, then the leaves of the buckets that differ, then,
//	    after a pause, once more the documents that differ (compare.go, shard.go). A document counts only when its copies
//	    differ in the same way twice and nobody wrote to it for the settle time. What is done about it the rules say
//	    (rules.go); the nodes do it (mend.go), and it is looked at once more.
//
// There is no point of no return: a step may be done again at any time, and giving up leaves everything as it is. Nodes
// refuse what is not so any more.
//
// A pass is about all indexes or about one, light (versions) or deep (contents too), and repairs or only tells. One of each
// kind may be at work, so its record's id says what it is about: deep, light, deep-repair, deep.movies. Asking for one that is
// at work joins it. Passes that repair come by the schedule.
//
// Copies that are known to be dirty are none of this package's business: package repair makes them complete.
package antientropy
