// Package parity sends the same requests, made at random, to one Meilisearch and to a cluster, and compares every answer and every
// finished task: status, code, wording, names, types, order.
package parity
