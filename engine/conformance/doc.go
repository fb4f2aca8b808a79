// Package conformance owns the proof that a node answers as Meilisearch 1.50 does: it starts a node and replays the
// recorded answers. What an engine of another version cannot answer the same way stands, with the reason, in
// known/<engine>.json; the list may only shrink.
package conformance
