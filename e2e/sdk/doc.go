// Package sdk runs the tours of examples/, one for each official package, unchanged: against a real Meilisearch and against
// the ingress of a cluster. A tour checks every outcome itself; what this suite adds is that both times the same methods
// were called, and that only the cluster refuses any.
//
// Packages are fetched once and kept in the cache beside the tree, by the digest of the file that pins them.
package sdk
