// Package secrets is the suite of what the cluster must know and may not tell (ET-6, LO-3): the keys and headers of embedders.
// They are given, changed, refused, lost with an engine and dumped, as on one Meilisearch. Whoever embeds gets the key each
// time; nobody else finds it: not in the store, its history included, nor in a log, a journal, a metric or an answer.
package secrets
