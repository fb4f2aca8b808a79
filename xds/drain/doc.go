// Package drain ends the work of one Envoy in order, through its admin interface, before somebody ends its process: Envoy
// itself closes everything at once on a signal. `miroir drain` is the command; a pod calls it before it stops.
//
//	fail health checks ──► tell clients to leave ──► take no new connections ──► wait for requests in flight
//	                       (settle)                                              (limit)
package drain
