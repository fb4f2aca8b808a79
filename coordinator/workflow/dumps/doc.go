// Package dumps owns the workflow behind POST /dumps: one standard Meilisearch dump of the whole cluster.
//
//		stage ──► settle ──► collect ──► pack ──► conclude ──► (end)
//		            │           │         │          ▲
//		            └───────────┴─────────┴──────────┘   failure
//
//	  - stage: the task is marked processing and the dump gets its name.
//	  - settle: tasks that were enqueued before this one come to their end, for what was acknowledged belongs into the dump.
//	    Then the indexes that are in it are noted.
//	  - collect: every shard is fetched once, from a complete copy, into a file of its own in the dump's working folder. A
//	    file stands under its final name when it is whole, so a step that is entered again fetches what is missing.
//	  - pack: the shards of every index, its settings, the keys and the features become one archive. It gets its final name
//	    when it is whole and on the disk.
//	  - conclude: the task is finished with the dump's name, and the working folder removed.
//
// Writes go on meanwhile. A scan that pages through a set that changes would miss what a deletion moves, so a shard's ids
// are listed in one read of the engine, and then its documents fetched by id: no document that was there all the time is
// missing, none is there twice, and each is as it was at some moment of the workflow. A dump is no cut through all shards at
// one moment.
//
// The folder is the coordinator's own. Where several coordinators share it, any of them goes on where another one died; where
// they do not, the next one begins again in its own folder. Only coordinators that have a folder compete for the scope.
//
// The record's id is always the same, so one dump at a time is a property of the store. Dumps follow each other in the order
// of their tasks.
package dumps
