// Package query makes the requests that are compared: by seed and number, so that one of them can be made again alone,
// and in smaller variants, to find the smallest that still fails.
//
// It knows the public API and the documents, nothing of what answers.
package query
