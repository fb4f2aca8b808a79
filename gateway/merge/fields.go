package merge

import (
	"cmp"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// FieldsRequest is what the merge must know of a client's listing of an index's fields.
type FieldsRequest struct {
	Offset, Limit int
	// Displayed says whether clients see an attribute. Engines display everything.
	Displayed func(name string) bool
	// Keep says whether a field is listed; enabled tells of a capability by its name in the answer.
	Keep func(name string, enabled func(capability string) bool) bool
}

// Fields merges field lists: every field of any leg once, ascending by name, as the engine of the first leg that has it
// describes it but for what clients see.
func Fields(req FieldsRequest, legs [][]byte) ([]byte, error) {
	seen := map[string]bool{}
	var kept []field
	for _, leg := range legs {
		results, ok := rawjson.Find(leg, "results")
		if !ok || len(results) == 0 || results[0] != '[' {
			return nil, ErrAnswer
		}
		whole := true
		rawjson.EachElement(results, func(raw []byte) bool {
			name, ok := rawjson.Find(raw, "name")
			f := field{raw: raw}
			f.name, whole = unquoted(name, ok)
			if !whole || seen[f.name] {
				return whole
			}
			seen[f.name], f.displayed = true, req.Displayed(f.name)
			if req.Keep(f.name, f.enabled) {
				kept = append(kept, f)
			}
			return true
		})
		if !whole {
			return nil, ErrAnswer
		}
	}
	slices.SortFunc(kept, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	from := min(max(req.Offset, 0), len(kept))
	page := kept[from:min(addCap(from, max(req.Limit, 0)), len(kept))]
	dst := []byte(`{"results":[`)
	for i, f := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = f.append(dst)
	}
	dst = appendNumber(dst, `],"offset":`, int64(req.Offset))
	dst = appendNumber(dst, `,"limit":`, int64(req.Limit))
	return append(appendNumber(dst, `,"total":`, int64(len(kept))), '}'), nil
}

func unquoted(raw []byte, found bool) (string, bool) {
	if !found {
		return "", false
	}
	return rawjson.Unquote(raw)
}

// field is the description of one field.
type field struct {
	raw       []byte
	name      string
	displayed bool // to clients
}

func (f field) enabled(capability string) bool {
	if capability == "displayed" {
		return f.displayed
	}
	of, _ := rawjson.Find(f.raw, capability)
	is, _ := rawjson.Find(of, "enabled")
	return string(is) == "true"
}

// append writes the description as clients see it.
func (f field) append(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	rawjson.EachMember(f.raw, func(key, value []byte) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, key...), ':')
		switch {
		case !rawjson.KeyIs(key, "displayed"):
			dst = append(dst, value...)
		case f.displayed:
			dst = append(dst, `{"enabled":true}`...)
		default:
			dst = append(dst, `{"enabled":false}`...)
		}
		return true
	})
	return append(dst, '}')
}
