// Package body reads request bodies: it undoes their content encoding and bounds what comes out of it.
//
// Encodings are those that Meilisearch takes, gzip, deflate and br, with its tolerance: an unknown encoding is none, and a
// deflate or br stream that is cut off ends where it was cut. zstd is taken besides, where a body really is zstd; a
// Meilisearch reads such a body as it stands and refuses it.
//
// The package knows no routes and no answers; its callers word the errors.
package body
