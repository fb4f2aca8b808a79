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

// parseRules reads a token's rules: a list of patterns, or an object of patterns with null, or an object that may hold a
// filter. Anything else makes the token invalid, so that no restriction is ever lost.
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
				if filter := member(v, "filter"); len(filter) > 0 && filter[0] != 'n' {
					r.filters[pattern] = json.RawMessage(filter)
				}
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
