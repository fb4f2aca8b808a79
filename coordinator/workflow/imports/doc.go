// Package imports owns the workflow that loads the dump of one Meilisearch into the cluster.
//
//		receive ──► scan ──► check ──► keys ──► indexes ──► stream ──► finish ──► conclude ──► (end)
//		              │        │                   │           │          │           ▲
//		              └────────┴───────────────────┴───────────┴──────────┴───────────┘   failure
//
//	  - receive: the file comes in, in as many pieces as its sender needs, and stands in the spool of the coordinator that
//	    takes it. It is no phase of the record: that begins when the file is whole.
//	  - scan: the file is read once. What is small is kept beside it.
//	  - check: what is in the way of it is found, before anything is changed.
//	  - keys: API keys come in under their own uids, so that their values stay what they were under the same master key.
//	  - indexes: every index is created with its primary key and gets its settings.
//	  - stream: the documents are read again and sent in batches, in their order. The cursor in the record is committed with
//	    every batch.
//	  - finish: the tasks of the last batches come to their end.
//	  - conclude: the file is removed.
//
// Indexes, settings and documents go through the cluster's own ingress, as any client's do: what holds for a client's write
// holds for an imported one, and there is one way to write. Keys are written to the store, which keeps their dates.
//
// A batch is known by the custom metadata of its task. Whoever can not know whether a batch was sent (a coordinator that
// took over, or one whose request got no answer) looks for that task first, so no batch is sent twice.
//
// A job belongs to the coordinators that have its file: they compete for its scope, dump_import:<job>. Where the spool is
// not shared, the job waits for the one that has the file, or for the file to be sent again to another one.
package imports
