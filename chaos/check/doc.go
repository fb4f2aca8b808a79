// Package check judges a run by its history. It is pure: it knows what clients asked and were told, and what stands in every
// copy at the end, nothing of how the cluster works.
//
// What is required:
//   - Every document ends as some order of the writes explains, in which a write that was acknowledged before another
//     began comes first, every acknowledged one took place, and others may have (porcupine, one history per document).
//   - All copies of a shard are equal byte by byte, and no document stands in two shards.
//   - A read shows only what was written, nothing older than what had ended before it began, and no document twice; it misses
//     nothing that had to be there, unless it says that it is degraded. Its counts are those of its documents.
//   - Every acknowledged write's task ends, and well. No uid is given twice, and uids rise with time (porcupine).
//   - Indexes are made, deleted and swapped in one order that explains every answer (porcupine).
package check
