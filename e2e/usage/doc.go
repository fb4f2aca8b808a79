// Package usage tells what a process uses of the machine, as Linux counts it.
package usage
