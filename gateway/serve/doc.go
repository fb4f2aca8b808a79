// Package serve answers client requests: it checks the credential, finds the operation, and calls the pure packages
// (plan, merge, write) and the doers (scatter, state) in the order that the operation needs. One file per family of
// operations; nothing here speaks Envoy's protocol or etcd's.
//
// A request keeps the routing view it started with. Nothing outlives a request but caches.
package serve
