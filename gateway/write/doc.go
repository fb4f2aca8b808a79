// Package write turns the payload of a document write into the lines of document legs: it cuts the payload into raw
// documents, finds their ids, checks all of them, and groups them by shard. JSON documents are never encoded again.
//
// Payloads are cut while they stream in: what is held is a window of the stream, at least one document long, and the lines
// made so far, in memory up to a bound and then in a spool file. What is wrong with a payload is answered as Meilisearch's
// own readers answer it; testdata/payloads.jsonl holds what a real one said.
//
// It calls no node. A payload with one bad document yields that document's error and nothing to send (RT-4).
package write
