// Package finisher brings open tasks to their end: it asks the sidecars what became of their parts and records the
// outcome. It is idempotent and may run in several coordinators at once: a task is finished by one transaction.
//
// Tasks that a workflow carries out (those with an operation in their record) are not its business.
package finisher
