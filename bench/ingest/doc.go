// Package ingest measures how fast documents come in: how soon a place has accepted all of them, and how soon all of them
// can be found.
package ingest
