// Package spine is the first suite: an unchanged official SDK against the ingress of a cluster, through the whole life
// of an index.
package spine
