// Package stamp turns a document leg into what the engine takes: it reads the framed lines of
// application/vnd.miroir.documents and writes the documents as NDJSON, each with the reserved fields, its shard and
// the stamp of the write with its place in it, spliced in before its closing brace.
//
// It is the last look before the engine: a line whose id does not hash to its shard, a shard that the leg did not
// announce, a document that carries a reserved name or another id than its line ends the stream with an error, and the
// engine gets no complete body. Documents are never decoded and encoded again.
//
// The package knows no HTTP and no engine; a Reader is what streams.
package stamp
