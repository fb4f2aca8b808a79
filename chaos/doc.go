// Command chaos tries seeds: on each, clients write to and read from a cluster whose processes are killed and stopped, and what
// they were told is compared with what came of it. A seed decides what clients ask and what is broken when.
package main
