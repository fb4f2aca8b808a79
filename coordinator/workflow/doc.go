// Package workflow runs operations of several steps so that any coordinator can go on where another one died.
//
// A workflow is one JSON record under workflows/<kind>/<id>: its phase, its inputs and progress, its history. The runner
// calls the step of the recorded phase; what the step returns, the next phase together with the changed progress, is
// committed by one transaction that compares the leadership of the scope and the record's revision. A runner whose
// transaction fails stops at once: somebody else leads.
//
// Duties of a step:
//
//   - It may be entered again at any time, by another process too. Its effects are idempotent.
//   - What it is going to do is in the record before it does it.
//   - An error means that it could not be carried out now; it is tried again, with growing pauses, for as long as the
//     leadership lasts. A failure of the operation itself is progress: it is noted in the record, and the step returns the
//     phase that deals with it. There is no way back to an earlier record.
//
// The package knows no kind. Kinds live in packages below.
package workflow
