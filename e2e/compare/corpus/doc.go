// Package corpus has the documents that are compared: movies (beside the project), cities (a package of npm) and codes
// (made here), with the settings of their indexes, and what a generator of queries must know of them: the words that occur
// and the values of fields.
//
// It knows nothing of engines or clusters.
package corpus
