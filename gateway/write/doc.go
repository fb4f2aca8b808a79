// Package write turns the payload of a document write into the lines of document legs: it cuts the payload into raw
// documents, finds their ids, checks all of them, and groups them by shard. JSON documents are never encoded again.
//
// It calls no node. A payload with one bad document yields that document's error and nothing to send (RT-4).
package write
