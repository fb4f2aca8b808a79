// Package snapshot makes one consistent set of resources out of what translate built, and keeps the last good one.
//
// The control-plane library sends what it is given. That a listener's route table and every cluster that a listener or
// a route names are really there is checked here, before anything leaves; so is that no cluster disappears which the
// set before still led to (make before break). A set that fails is an error value and changes nothing.
//
// It owns the check and the version of a snapshot (the revision it was made from). It must not know how a snapshot
// travels or who has it.
package snapshot
