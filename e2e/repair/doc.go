// Package repair kills processes of a cluster with two copies of everything while it is written to, brings them back, and
// then compares the copies at the engines, document by document.
package repair
