// Package strip removes from a node's answers what clients must not see: the reserved fields in hits, documents, facets,
// statistics, field lists and settings, their names in error texts, and the physical name of an index wherever an answer
// names it.
//
// It works on raw bytes. A streaming scanner walks the answer along a rule tree, cuts out members and copies everything
// else as it stands: numbers, escapes and key order survive, and memory stays bounded by one token. Only error texts,
// which are short, are decoded and written anew. What the rules do not name is skipped, never interpreted: a field of
// the same name deep inside a client's document belongs to the client.
//
// The package knows no HTTP, no store and no engine: the caller says what kind of answer it holds.
package strip
