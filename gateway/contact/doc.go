// Package contact knows how old the state is that this gateway works by. The watches of the store do not tell: one that
// waits for a store that is gone looks like one to which nothing happens. So the store is asked for anything, every second.
//
// While it does not answer, reads go on with what is known; from a limit on that would be too old (IN-5).
package contact
