// Package guard decides in which order the operations on one document count. The stamp of a write decides, never the
// moment at which it reached a node: whatever the order of arrival, a replica must end as if all operations had come in
// the order of their stamps.
//
// An engine carries operations out in the order of its task numbers. So a history here is a list of operations on one
// document in that order, and there are three questions to ask about one:
//
//   - Admit: may an operation that has just arrived go to the engine, must it go there together with newer ones that are
//     there already, is it void because a newer one took its effect away, or can this node not tell?
//   - Settle: which operations must go to the engine, composed to one, so that the history ends as the stamps say? Partial
//     updates merge field by field, hence an operation that came late takes the newer ones with it.
//   - AdmitCopy: may the state of the document that another replica has be written here, or are there operations here
//     that the other replica does not have yet?
//
// Everything is a pure function of its arguments. The package knows no engine, journal, clock or network.
package guard
