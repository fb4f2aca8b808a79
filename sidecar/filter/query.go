package filter

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// Query adds the clause to the filter parameter of a GET request and checks its names. The result is a copy.
func Query(q url.Values, clause Clause) (url.Values, error) {
	for _, raw := range q["filter"] {
		if err := checkFilter(parameter(raw)); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"sort", "facets", "distinct"} {
		for field := range strings.SplitSeq(q.Get(name), ",") {
			field, _, _ = strings.Cut(strings.TrimSpace(field), ":")
			if err := reservedName(field); err != nil {
				return nil, err
			}
		}
	}
	if clause == "" {
		return q, nil
	}
	out := make(url.Values, len(q)+1)
	for k, v := range q {
		out[k] = v
	}
	var given []byte
	if q.Has("filter") {
		given = parameter(q.Get("filter"))
	}
	if value, ok := clause.conjoin(given); ok {
		out.Set("filter", string(value))
	}
	return out, nil
}

// parameter is the JSON form of a filter parameter: JSON where it is, a text otherwise.
func parameter(raw string) []byte {
	if trimmed := strings.TrimSpace(raw); json.Valid([]byte(trimmed)) {
		return []byte(trimmed)
	}
	return quote(raw)
}

// fetch is the body of POST documents/fetch.
type fetch struct {
	Offset  *uint64         `json:"offset,omitempty"`
	Limit   *uint64         `json:"limit,omitempty"`
	Fields  []string        `json:"fields,omitempty"`
	Vectors bool            `json:"retrieveVectors,omitempty"`
	IDs     []string        `json:"ids,omitempty"`
	Filter  json.RawMessage `json:"filter,omitempty"`
	Sort    []string        `json:"sort,omitempty"`
}

// Fetch turns the parameters of GET documents into the body of POST documents/fetch, whose filter has no bound in
// length. ok is false when a parameter is not plainly well-formed; the GET form then says what is wrong.
func Fetch(q url.Values) (body []byte, ok bool) {
	var f fetch
	for name, values := range q {
		if len(values) != 1 || !f.set(name, values[0]) {
			return nil, false
		}
	}
	body, err := json.Marshal(f)
	return body, err == nil
}

func (f *fetch) set(name, value string) (ok bool) {
	switch name {
	case "offset":
		f.Offset, ok = number(value)
	case "limit":
		f.Limit, ok = number(value)
	case "fields":
		if ok = plainList(value); ok && value != "*" {
			f.Fields = strings.Split(value, ",")
		}
	case "retrieveVectors":
		f.Vectors, ok = value == "true", value == "true" || value == "false"
	case "ids":
		if ok = plainList(value); ok {
			f.IDs = strings.Split(value, ",")
		}
	case "filter":
		f.Filter, ok = parameter(value), true
	case "sort":
		if ok = plainList(value) && !strings.Contains(value, "("); ok {
			f.Sort = strings.Split(value, ",")
		}
	}
	return ok
}

// plainList says whether a comma-separated list has neither spaces nor empty or wild entries, which the engine treats
// by rules of its own.
func plainList(value string) bool {
	for e := range strings.SplitSeq(value, ",") {
		if e == "" || (e == "*" && value != "*") || strings.ContainsAny(e, " \t") {
			return false
		}
	}
	return true
}

func number(value string) (*uint64, bool) {
	n, err := strconv.ParseUint(value, 10, 63)
	return &n, err == nil
}
