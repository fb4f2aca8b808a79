// Package election owns the loop that makes this coordinator lead a scope: campaign, lead, resign, campaign again.
//
// Leadership is a context. Who leads works under it and stops when it ends; every lasting change is committed by a
// transaction that compares the election's own key besides, so that a leader which was paused and woke up can change
// nothing. Scopes are independent of each other.
//
//	waiting ──► leading ──► waiting        lease lost, or the work failed
//	   ▲           │
//	   └──resigned◄┘                       the process stops: the scope is free at once
package election
