// Package replica keeps the node's documents in the order of stamps, whatever the order in which writes arrive. It is the
// doer between guard, which decides, journal, which remembers, and the engine, which carries out in the order of its tasks.
//
// A client's leg goes through it like this: Begin, then Take for every operation while it streams by, End before the
// engine gets the last byte, Enqueued with the task that the engine made of it. Operations that newer ones have made void
// are left out, and so are late ones, which would hide newer ones that are here. What reached the engine in another order than
// the stamps' is found when its task is known: every leg has a lane of its index, a list of legs by task, in which an
// older leg behind a newer one shows at once. Their documents are looked at one by one, and where the order matters the
// operations from the older one on are sent again, composed to one. That is settling; one goroutine does it, and Settled says
// when nothing is left to do.
//
// Until then a newer write may be hidden by an older one. Ended says of which writes the end may be told.
//
// After a restart the engine's own list of tasks says what became of legs that were only prepared.
//
// The package decides nothing about other replicas. When it can not put something in order it says so by Lost, and the
// node's copies count as ones that missed a write.
package replica
