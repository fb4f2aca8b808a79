package candidate

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// Key is the primary key of an index.
type Key struct {
	Name  string // "" where the index has none yet
	Mixed bool   // ids may have upper-case letters
	Most  int    // ids that narrow at most

	fields map[string]bool // collects the fields that a filter looks at; nil: nobody wants to know
}

// maxFilter is the longest filter that is read, in bytes.
const maxFilter = 64 << 10

// Of says what a filter can match at most: a string, or an array of strings and arrays of strings; nil stands for none. Any
// other JSON value is not understood.
func Of(filter json.RawMessage, k Key) Set {
	switch {
	case len(filter) == 0 || filter[0] == 'n':
		return everything(NoFilter)
	case k.Name == "":
		return everything(NoPrimaryKey)
	case len(filter) > maxFilter:
		return everything(NotParsed)
	}
	found, ok := k.all(filter)
	if !ok {
		return everything(NotParsed)
	}
	return found
}

// Fields lists the fields that a filter looks at, ascending; none where it is not understood.
func Fields(filter json.RawMessage) []string {
	if len(filter) == 0 || len(filter) > maxFilter {
		return nil
	}
	k := Key{fields: map[string]bool{}}
	if _, ok := k.all(filter); !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(k.fields))
}

// all is what a string can match, or all elements of an array together.
func (k Key) all(filter []byte) (found Set, ok bool) {
	switch filter[0] {
	case '"':
		return k.text(filter)
	case '[':
	default:
		return Set{}, false
	}
	found, ok = everything(NoFilter), true
	rawjson.EachElement(filter, func(and []byte) bool {
		var one Set
		if and[0] == '[' {
			one, ok = k.any(and)
		} else {
			one, ok = k.text(and)
		}
		found = meet(found, one)
		return ok
	})
	return found, ok
}

// meet conjoins parts of a filter, of which those that say nothing do not count.
func meet(a, b Set) Set {
	switch {
	case a.Why == NoFilter:
		return b
	case b.Why == NoFilter:
		return a
	}
	return a.and(b)
}

// any is what the elements of an inner array can match. An array without conditions is none.
func (k Key) any(filter []byte) (found Set, ok bool) {
	found, ok = everything(NoFilter), true
	rawjson.EachElement(filter, func(or []byte) bool {
		var one Set
		one, ok = k.text(or)
		switch {
		case one.Why == NoFilter:
		case found.Why == NoFilter:
			found = one
		default:
			found = found.or(one, k.Most)
		}
		return ok
	})
	return found, ok
}

// text is what a filter's expression can match.
func (k Key) text(quoted []byte) (Set, bool) {
	if quoted[0] != '"' {
		return Set{}, false
	}
	text, ok := rawjson.Unquote(quoted)
	if !ok {
		return Set{}, false
	}
	return k.expression(text)
}
