// Package dispatch makes writes idempotent on one node (WQ-9). A write carries a dispatch id; the table remembers which
// engine task became of it, so that a sender that got no answer may send again without making a second task.
//
// Where the knowledge comes from:
//
//   - while the sidecar runs, from the engine's answer. Identical dispatches at the same time share one flight;
//   - after a restart, from the engine's own task list: document routes store the dispatch id as customMetadata. Writes
//     wait until the list was read;
//   - after a connection to the engine broke before its answer came, from a look at the newest tasks, made before the
//     same dispatch is sent again.
//
// The engine takes no customMetadata on index and settings routes. Physical index names are never used twice, so a
// creation or deletion is found by its type and index alone. A settings change that nobody remembers is sent again: the
// same settings once more change nothing.
//
// The table is bounded: beyond its capacity the oldest mapping goes.
package dispatch
