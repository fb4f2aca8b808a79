// Package adminapi serves operators: what the cluster looks like, what its tasks and workflows do, whether it is ready.
//
// Every route stands in one table with the rule who may use it; a request that no row matches needs the admin key like
// any other and is then told that there is no such thing yet. Nothing here is in the path of a search or a write.
package adminapi
