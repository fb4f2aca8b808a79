// Package tally sums up the histories of runs: what was asked, what was broken, what clients saw of it and how long clusters took to
// come to rest. It is pure.
package tally
