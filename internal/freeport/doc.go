// Package freeport finds ports of loopback that nobody uses, for processes that are given theirs before they start.
//
// They are chosen below those that Linux gives to outgoing connections (32768 and up, ip_local_port_range): an outgoing
// connection could sit on such a port in the moment before the process listens there, or while it is restarted.
package freeport
