// Package gateway is the process beside each Envoy that answers client requests: it authenticates, plans, scatters and
// merges. It owns nothing but caches and must not write topology.
//
//	extproc → serve → operation, auth, plan, write, merge (pure) and scatter, state (doers) → reply → extproc
package gateway
