// Package plan decides which nodes a request is sent to and which shards each of them answers for.
//
// It is pure: an operation's facts and a routing view go in, legs come out. The same inputs always give the same legs,
// so that the pages of one query come from the same copies and ties stay in place.
package plan
