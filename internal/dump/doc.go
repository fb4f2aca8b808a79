// Package dump owns the format in which a Meilisearch instance leaves and enters: the dump of version 6, a gzip stream
// of a tar archive. It reads and writes it as a stream and knows neither clusters nor nodes.
//
// Entries of an archive come in any order (Meilisearch writes documents before the primary key they are read by), so a
// dump is read twice: Scan reads everything but keeps only what is small, Documents then hands over the documents one by
// one. Neither holds more than one document and the small files, whatever the size of the archive; nothing is unpacked
// to a disk, so names inside an archive can lead nowhere.
//
//	metadata.json                      version of format and instance, date
//	keys.jsonl                         API keys without values, one per line
//	indexes/<uid>/metadata.json        name, primary key, dates
//	indexes/<uid>/settings.json        settings as GET shows them, with secrets in clear
//	indexes/<uid>/documents.jsonl      documents, one per line, with their vectors
//	tasks/queue.jsonl                  history of tasks
//	tasks/update_files/<uid>.jsonl     documents of additions that were not carried out yet
//	batches/queue.jsonl, experimental-features.json, network.json, webhooks.json, chat-completions-settings/, instance_uid.uuid
//
// Documents stay raw bytes. An archive that is no such dump is an UnsupportedError that says what it is instead, a broken
// one a DamagedError that says where.
package dump
