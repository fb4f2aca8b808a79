package candidate

import "slices"

// Reason says why a filter names no candidates, or that it does.
type Reason string

// Reasons, as they stand in the answer of explain.
const (
	Named        Reason = "primary_key_filter"     // the filter names all ids that it can match
	NoFilter     Reason = "no_filter"              // everything matches
	NoPrimaryKey Reason = "no_primary_key"         // the index has none yet
	OtherField   Reason = "other_field"            // some branch of the filter does not look at the primary key
	Negated      Reason = "negation"               // some branch matches all but what it names
	Compared     Reason = "not_an_equality"        // some branch looks at the primary key other than by `=` and `IN`
	TooMany      Reason = "too_many_values"        // more values than may narrow
	Inexact      Reason = "value_not_exact"        // a value that engines do not compare exactly
	Letters      Reason = "letters_in_mixed_case"  // a value with letters, where ids differ in case
	NotParsed    Reason = "filter_not_understood"  // deeper or longer than is read, or in words that are not known
	Switched     Reason = "query_planner_disabled" // nothing is narrowed
)

// Set is what a filter can match at most: everything, or the ids listed.
type Set struct {
	All bool
	IDs []string // ascending, each once; nil for everything
	Why Reason   // Named, or the reason for everything
}

func everything(why Reason) Set { return Set{All: true, Why: why} }

func named(ids []string) Set {
	slices.Sort(ids)
	return Set{IDs: slices.Compact(ids), Why: Named}
}

// and is what both can match.
func (s Set) and(o Set) Set {
	switch {
	case s.All && o.All:
		if s.Why == OtherField { // the other says more
			return o
		}
		return s
	case s.All:
		return o
	case o.All:
		return s
	}
	var both []string
	for _, id := range s.IDs {
		if _, ok := slices.BinarySearch(o.IDs, id); ok {
			both = append(both, id)
		}
	}
	return named(both)
}

// or is what either can match. A set of more than most ids is everything.
func (s Set) or(o Set, most int) Set {
	switch {
	case s.All:
		return s
	case o.All:
		return o
	}
	return bounded(named(slices.Concat(s.IDs, o.IDs)), most)
}

func bounded(s Set, most int) Set {
	if len(s.IDs) > most {
		return everything(TooMany)
	}
	return s
}
