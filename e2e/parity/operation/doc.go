// Package operation makes requests that manage a Meilisearch: indexes, documents, settings, tasks, keys, right ones and wrong ones. The
// n-th request of a seed is always the same, whatever came of those before.
package operation
