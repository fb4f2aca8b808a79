// Package failover holds the end-to-end specs of what goes on while a process of which there are several is restarted or
// killed: gateways, Envoys, coordinators; and while the store is gone. It needs what `make build tools` makes.
package failover
