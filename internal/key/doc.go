// Package key owns API keys: the record in the store, the value that follows from it and the master key, what actions and
// index patterns allow, and the keys that a new cluster starts with.
//
// A key's value is never stored and never logged. It is derived where it is needed, the way Meilisearch derives it, so
// that keys and tenant tokens of a migrated Meilisearch stay valid under the same master key and uids (AU-11).
//
// The package is pure: it knows no store, no clock and no request.
package key
