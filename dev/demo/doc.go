// Command demo shows Miroir with real data: it starts a cluster of three nodes, loads every city of the world with
// more than a thousand inhabitants through the official Meilisearch SDK, searches, and tells which nodes answered. The
// cluster then stays until Ctrl-C.
//
// It is a program like a user's: it knows the public API, `miroir dev` and the metrics, and nothing inside.
package main
