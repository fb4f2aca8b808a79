// Package candidate says which documents a filter can find at most, judging by their ids alone: a filter that pins the
// primary key names them, every other one may find all.
//
// It is pure and may err to one side only. What it names must contain every id that the filter can match on an engine,
// whose equality is blind to case and reads numbers; what it does not understand for sure may match everything. The engine
// stays the judge of the filter: it gets the same text, and refuses what is wrong with it.
package candidate
