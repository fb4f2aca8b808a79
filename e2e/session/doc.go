// Package session checks on a running cluster what is promised about the requests of one client: a write that is sent again is
// the same write whatever died in between, and who writes in a session reads what was written.
package session
