// Command cost measures what proving and repairing copies costs, on a cluster of two nodes that hold everything twice:
//
//	make build tools && go run ./e2e/cost
//
// It prints the table of docs/reliability.md. One run takes some minutes; the machine should have nothing else to do.
package main
