// Package state owns the shared state of a cluster: the keys in etcd, the typed stores over them, leases, elections and
// the watches that feed caches. It is the only package that talks to etcd.
//
// Keys stand below <prefix>/<cluster>/, values are one line of JSON with a schema version in "v". A change that must
// not be lost or done twice is one transaction; nothing is recorded apart from its effect. Caches are fed by watches
// that start at the revision of the list they continue, and that list again when the watch is broken (ET-3), so a cache
// never goes back in time.
//
// Package state knows no other component and decides nothing: who may call what is the callers' duty.
package state
