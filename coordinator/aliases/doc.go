// Package aliases changes aliases on behalf of operators: it decides whether a change is right, commits it in one
// transaction that holds only while what it was decided by does, and waits until every gateway that is present works by it.
//
// There is no lease and no workflow: the transaction is the whole change. What a coordinator that dies behind it leaves is
// a change that gateways hear of by their watches, and writes by an alias are fenced by the store itself (see
// state.Receipt): none that is recorded later goes to the old target.
//
// The package knows no HTTP and moves no requests; what a name stands for is the gateways' business.
package aliases
