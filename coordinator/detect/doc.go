// Package detect names what is wrong with a cluster, or only not done yet. It is pure: the same snapshot gives the same
// list, in the same order, and nothing is remembered between two calls. Whoever acts on a problem looks again first.
package detect
