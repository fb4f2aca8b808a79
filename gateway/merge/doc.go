// Package merge turns the answers of legs into the answer of one Meilisearch (specification §1.5, MG-1 to MG-11).
//
// It owns the comparison of hits, the window, totals, facets and statistics, one file per kind of answer. Every function
// is pure: bodies and request facts in, a body out. It must not know networks, stores, clocks, goroutines, routing or
// retries; which legs exist and what they were asked is the planner's business, who waits for them the scatter's.
//
// What the callers promise:
//   - legs are sorted by their lowest shard, because the position of a leg is the last tie-break;
//   - legs were asked for everything from rank 0 to the end of the window, with score details;
//   - reserved fields are already gone (the sidecars strip them) but for the stamps, where legs were asked to keep them:
//     they decide between hits that the rules leave equal, and are cut here. Such answers are marked (nodeapi.MarkLine).
//
// Hits are never decoded. A leg's hits are a stream: only the hits up to the end of the window are looked at, each once,
// for its score details; what is kept is copied as raw bytes. The members behind the hits are found from the end of the
// body, so what lies beyond the window is not read at all.
//
// Strings, spaces and whole values are skipped by rawjson. What is read here besides is what rawjson does not do: walks
// that can be continued, walks from the end of a text, and the walk over a hit in blocks (hitscan.go).
package merge
