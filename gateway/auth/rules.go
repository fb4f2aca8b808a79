package auth

import (
	"encoding/json"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// rules are what a tenant token allows: index patterns, some with a filter.
type rules struct {
	patterns []string
	filters  map[string]json.RawMessage // by pattern
}

// limit notes the filter of a pattern; null and nothing are none.
func (r *rules) limit(pattern string, filter []byte) {
	if len(filter) > 0 && filter[0] != 'n' {
		r.filters[pattern] = json.RawMessage(filter)
	}
}

// parseRules reads a token's rules: a list of patterns, or an object of patterns with null, with an object that may hold a
// filter, or with an array of the filter alone. Anything else makes the token invalid, so that no restriction is ever lost.
func parseRules(raw []byte) (*rules, bool) {
	r := &rules{filters: map[string]json.RawMessage{}}
	ok := true
	switch raw[0] {
	case '[':
		rawjson.EachElement(raw, func(v []byte) bool {
			ok = v[0] == '"'
			r.patterns = append(r.patterns, text(v))
			return ok
		})
	case '{':
		rawjson.EachMember(raw, func(k, v []byte) bool {
			pattern, _ := rawjson.Unquote(k)
			r.patterns = append(r.patterns, pattern)
			delete(r.filters, pattern) // of a repeated pattern the last rule counts
			switch v[0] {
			case 'n':
			case '{':
				r.limit(pattern, member(v, "filter"))
			case '[':
				n := 0
				rawjson.EachElement(v, func(filter []byte) bool {
					n++
					r.limit(pattern, filter)
					return true
				})
				ok = n == 1
			default:
				ok = false
			}
			return ok
		})
	default:
		ok = false
	}
	return r, ok
}
