// Package golden owns the replay of recorded answers of a real Meilisearch: it sends every recorded request to a
// target, waits for the task it made, and compares status, body and finished task with what was recorded. What the
// recorder's node had lived through before is replayed first, so uids of tasks and their counts are compared as well.
//
// Values that differ from run to run (dates, durations, sizes on disk) are compared by kind only. Every other difference
// fails the test, unless the target's list of known differences names it with a reason. The list may only shrink: an
// entry without a difference fails the test as well. A cluster inherits what a lone node of the same kind answers in
// just the same way, so that its list has only what the cluster does to an answer.
//
// It knows nothing of how the target is started.
package golden
