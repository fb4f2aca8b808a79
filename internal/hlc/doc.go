// Package hlc is a hybrid logical clock: stamps that order the writes of all gateways as they happened, as far as anybody
// could have noticed.
//
// A stamp is one integer of 53 bits, the wall time in milliseconds above a counter. A clock gives every stamp once and
// always a later one than before, also while the wall clock stands still or goes back. What it has observed of others it
// surpasses, so a write that was caused by another one carries the later stamp whatever the two machines' clocks say.
// A stamp far ahead of the own wall clock is not observed, so that one wrong clock does not drag the others along.
//
// The package knows no documents, no wire and no store: internal/nodeapi says how stamps travel and how they are stored.
package hlc
