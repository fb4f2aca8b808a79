// Command outage measures what clients notice when a process is killed, on a cluster of three nodes with two copies of everything, and
// what a node needs under a load of writes:
//
//	make build tools && go run ./e2e/outage --minutes 30
//
// Clients send nothing again. It prints the tables of docs/reliability.md. The kills take about five minutes; the machine should have
// nothing else to do.
package main
