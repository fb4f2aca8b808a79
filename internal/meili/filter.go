package meili

import (
	"bytes"

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
