package meili

import (
	"bytes"
	"encoding/json"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// checkFilter refuses a filter that is neither a string nor an array of strings and arrays of strings. The language
// inside the strings is for the nodes. No filter at all is fine.
func checkFilter(code apierr.Code, v node) *apierr.Error {
	if len(v) == 0 || v[0] == '"' {
		return nil
	}
	if v[0] != '[' {
		return filterSyntax(code, "String, Array", v)
	}
	var e *apierr.Error
	rawjson.EachElement(v, func(and []byte) bool {
		switch and[0] {
		case '"':
		case '[':
			rawjson.EachElement(and, func(or []byte) bool {
				if or[0] != '"' {
					e = filterSyntax(code, "String", or)
				}
				return e == nil
			})
		default:
			e = filterSyntax(code, "String, [String]", and)
		}
		return e == nil
	})
	return e
}

func filterSyntax(code apierr.Code, expected string, found node) *apierr.Error {
	return apierr.New(code, "Invalid syntax for the filter parameter: `expected %s, found: %s`.", expected, appendSerde(nil, found))
}

// emptyFilter says whether a filter selects everything.
func emptyFilter(v node) bool {
	if v[0] == '"' {
		s, _ := rawjson.Unquote(v)
		return len(bytes.TrimSpace([]byte(s))) == 0
	}
	empty := true
	rawjson.EachElement(v, func(x []byte) bool {
		empty = emptyFilter(x)
		return empty
	})
	return empty
}

// ParseFilterBody reads the body of delete by filter and returns the filter as JSON text, as tasks show it.
func ParseFilterBody(body []byte) (string, *apierr.Error) {
	var filter node
	e := readObject(body, root(apierr.BadRequest), []string{"filter"}, func(_ string, v node) *apierr.Error {
		filter = v
		return nil
	})
	if e == nil && filter == nil {
		e = root(apierr.MissingDocumentFilter).missing("filter")
	}
	if e == nil {
		e = checkFilter(apierr.InvalidDocumentFilter, filter)
	}
	if e == nil && emptyFilter(filter) {
		e = apierr.New(apierr.InvalidDocumentFilter, "%s", "Sending an empty filter is forbidden.")
	}
	if e != nil {
		return "", e
	}
	return string(appendSerde(nil, filter)), nil
}

// Fuse conjoins a client's filter with another one the way Meilisearch does; nil stands for none.
func Fuse(own, other json.RawMessage) json.RawMessage {
	if len(own) == 0 || own[0] == 'n' {
		return other
	}
	if len(other) == 0 {
		return own
	}
	out := append(make([]byte, 0, len(own)+len(other)+3), '[')
	for _, f := range [][]byte{own, other} {
		if f[0] == '[' {
			f = bytes.TrimSpace(f[1 : len(f)-1])
		}
		if len(f) > 0 && len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, f...)
	}
	return append(out, ']')
}

// Restricted is a checked body in which the filter is conjoined with another one. A body that is no object stays as it is:
// whoever reads it refuses it.
func Restricted(body []byte, filter json.RawMessage) []byte {
	v := trimmed(body)
	if len(filter) == 0 || v[0] != '{' {
		return body
	}
	out := append(make([]byte, 0, len(body)+len(filter)+16), '{')
	put := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(rawjson.AppendQuoted(out, name), ':'), value...)
	}
	for _, m := range v.members() {
		if m.name == filterName {
			filter = Fuse(json.RawMessage(m.value), filter)
			continue
		}
		put(m.name, m.value)
	}
	put(filterName, filter)
	return append(out, '}')
}

const filterName = "filter"
