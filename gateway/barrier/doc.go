// Package barrier lets an operation that names no document happen at one moment for all gateways: new writes to the index
// wait, those in flight finish, the operation is sent to every node, and the writes go on with later stamps.
//
// A gateway closes the barrier of an index in the store, under its own lease. Every gateway sees that in its routing view,
// holds new writes back, and says so when its last one in flight is done. When all gateways that are present have said so,
// the holder sends its operation, and opens the barrier again together with the operation's stamp, which later writes
// surpass. A holder that dies loses its lease, and the barrier with it.
//
// Waiting is bounded on both sides. The barrier makes refusals rare; that replicas stay alike does not rest on it, for
// sidecars refuse what would cross the operation (package replica).
package barrier
