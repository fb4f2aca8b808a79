// Package finisher brings open tasks to their end: it asks the sidecars what became of their parts, decides, and records
// the outcome by one transaction. The leader of its scope runs it; two at once would do no harm, for a task is finished
// only once.
//
// Order of duties when a task ends: copies that never got the write are marked dirty, the catalog takes over what the task
// changed, the record is moved to the finished ones. Each of these can be repeated, so a finisher that is killed in
// between leaves nothing half done.
//
// decide.go holds the rules and is pure. Tasks that a workflow carries out (those with an operation in their record) are
// not its business. It also forgets finished tasks that are too old or too many.
package finisher
