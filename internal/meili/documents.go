package meili

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
)

// DocumentsQuery is a listing of documents: the window, and everything else as raw JSON that the nodes judge.
type DocumentsQuery struct {
	Offset, Limit int
	Sorted        bool
	members       []member
}

var documentsFields = []string{"offset", "limit", "fields", "retrieveVectors", "ids", "filter", "sort", "useNetwork"}

// ParseDocumentsBody reads the body of POST documents/fetch.
func ParseDocumentsBody(body []byte) (*DocumentsQuery, *apierr.Error) {
	if e := checkBody(body); e != nil {
		return nil, e
	}
	list, e := decodeObject(body, "")
	if e != nil {
		return nil, e
	}
	q := &DocumentsQuery{Limit: defaultLimit}
	for _, m := range list {
		if !slices.Contains(documentsFields, m.name) {
			return nil, unknownField(m.name, "", documentsFields...)
		}
		if e := q.take(m.name, m.value); e != nil {
			return nil, e
		}
	}
	return q, nil
}

func (q *DocumentsQuery) take(name string, raw []byte) (e *apierr.Error) {
	if string(raw) == "null" {
		return nil
	}
	switch name {
	case "offset":
		q.Offset, e = decodeCount("invalid_document_offset", ".offset", raw)
	case "limit":
		q.Limit, e = decodeCount("invalid_document_limit", ".limit", raw)
	default:
		q.Sorted = q.Sorted || name == "sort"
		q.members = append(q.members, member{name, raw})
	}
	return e
}

// ParseDocumentsParameters reads the query string of GET documents into the same query as the POST form.
func ParseDocumentsParameters(query string) (*DocumentsQuery, *apierr.Error) {
	list, e := queryParameters(query, "offset", "limit", "fields", "retrieveVectors", "ids", "filter", "sort")
	if e != nil {
		return nil, e
	}
	q := &DocumentsQuery{Limit: defaultLimit}
	for _, p := range list {
		value := string(p.value)
		var n uint64
		switch p.name {
		case "offset":
			n, e = parseUint("invalid_document_offset", p.name, value, 64)
			q.Offset = int(min(n, math.MaxInt32)) //nolint:gosec // bounded
		case "limit":
			n, e = parseUint("invalid_document_limit", p.name, value, 64)
			q.Limit = int(min(n, math.MaxInt32)) //nolint:gosec // bounded
		case "retrieveVectors":
			_, e = parseBool("invalid_document_retrieve_vectors", p.name, value)
			q.members = append(q.members, member{p.name, number(value)})
		case "filter":
			q.members = append(q.members, member{p.name, jsonOrText(value)})
		default:
			if value != "*" || p.name != "fields" {
				e = q.take(p.name, words(value))
			}
		}
		if e != nil {
			return nil, e
		}
	}
	return q, nil
}

// LegBody is the listing as every leg gets it: everything up to the end of the window.
func (q *DocumentsQuery) LegBody() []byte {
	m := make(map[string]json.RawMessage, len(q.members)+1)
	for _, x := range q.members {
		m[x.name] = x.value
	}
	end := min(q.Offset, math.MaxInt32-q.Limit) + q.Limit
	m["limit"] = json.RawMessage(strconv.Itoa(end))
	b, err := json.Marshal(m)
	if err != nil {
		return []byte("{}") // members are valid JSON, they were checked with the body
	}
	return b
}
