// Package bounds keeps families of short-lived records within their bounds: those of idempotency keys and of sessions. Their
// leases end them in time; what comes in faster than that is cut here, oldest first, so that the store stays as small as it
// was promised to be. What is cut is as if it had run out: a key is new again, a session unknown.
//
// One coordinator leads it. It decides nothing about single records.
package bounds
