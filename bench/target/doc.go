// Package target holds what can be asked the searches of a benchmark: one engine, the cluster, or the legs of a search
// alone, which are the same parts of the work without the parts that bring them together.
//
// A target knows for every search which requests go to which address. Asking sends them all at once and is done when the
// last answer is read. The package takes no times.
package target
