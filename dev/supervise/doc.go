// Package supervise owns the child processes of one folder: it starts them, restarts those that die, writes their pid
// files and logs, and stops them.
//
// No child outlives the supervisor. On Linux the kernel sees to that, even when the supervisor is killed; and what a
// killed supervisor left is found by its pid files at the next start, recognised by a mark in its environment, and
// ended. A pid alone proves nothing: the number may belong to a stranger by now.
//
// A child is in one of these states:
//
//	running ──exit──► waiting ──backoff over, or Revive──► running
//	   └─────────────────┴──Stop──► stopped
//
// Without restarts a waiting child waits for Revive alone. The package does not know what its children are.
package supervise
