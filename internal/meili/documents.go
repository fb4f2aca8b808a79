package meili

import (
	"encoding/json"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// DocumentsQuery is a listing of documents: the window, and everything else as raw JSON that the nodes judge.
type DocumentsQuery struct {
	Offset, Limit   int
	Sorted          bool
	Sort            []string // nil when not given
	IDs             [][]byte // canonical ids; nil when not given
	Fields          []string // nil: all
	RetrieveVectors bool
	Filter          json.RawMessage // as given; nil for none
	members         []member
}

// documentsFieldList are the members of a fetch body, in the order in which Meilisearch lists them.
var documentsFieldList = []searchField{
	{"offset", apierr.InvalidDocumentOffset, isUint},
	{"limit", apierr.InvalidDocumentLimit, isUint},
	{"fields", apierr.InvalidDocumentFields, orNull(isStrings)},
	{"retrieveVectors", apierr.InvalidDocumentRetrieveVectors, isBoolean},
	{"ids", apierr.InvalidDocumentIDs, orNull(isArray)},
	{"filter", apierr.InvalidDocumentFilter, isAnything},
	{"sort", apierr.InvalidDocumentSort, orNull(isStrings)},
	{"useNetwork", apierr.InvalidDocumentUseNetwork, orNull(isBoolean)},
}

var (
	documentsFields = fieldNames(documentsFieldList)
	documentsTable  = fieldTable(documentsFieldList)
)

func isArray(v node, p place) *apierr.Error {
	return v.array(p, func(place, node) *apierr.Error { return nil })
}

// ParseDocumentsBody reads the body of POST documents/fetch and answers what a node would answer to it before it looks at
// the index.
func ParseDocumentsBody(body []byte) (*DocumentsQuery, *apierr.Error) {
	q := &DocumentsQuery{Limit: defaultLimit}
	at := root(apierr.BadRequest)
	e := readObject(body, at, documentsFields, checked(documentsTable, at, func(name string, v node) {
		if !v.isNull() {
			q.take(name, v)
		}
	}))
	if e == nil {
		e = q.acceptable()
	}
	return q, e
}

// take keeps a checked member that is not null.
func (q *DocumentsQuery) take(name string, v node) {
	switch name {
	case "offset":
		q.Offset = v.count()
		return
	case "limit":
		q.Limit = v.count()
		return
	case "sort":
		q.Sort, _ = v.strings(place{})
		q.Sorted = len(q.Sort) > 0
	case "fields":
		q.Fields, _ = v.strings(place{})
	case "retrieveVectors":
		q.RetrieveVectors = v[0] == 't'
	case "filter":
		q.Filter = json.RawMessage(v)
	}
	q.members = append(q.members, member{name, v})
}

// acceptable refuses what Meilisearch refuses before it looks for the index.
func (q *DocumentsQuery) acceptable() *apierr.Error {
	for _, m := range q.members {
		if m.name == "useNetwork" {
			return useNetworkRefused()
		}
	}
	for _, m := range q.members {
		if m.name == "ids" {
			return q.takeIDs(m.value)
		}
	}
	return nil
}

// Check refuses what Meilisearch refuses once it found the index.
func (q *DocumentsQuery) Check() *apierr.Error {
	return checkFilter(apierr.InvalidDocumentFilter, node(q.Filter))
}

func (q *DocumentsQuery) takeIDs(v node) *apierr.Error {
	q.IDs = [][]byte{}
	var e *apierr.Error
	rawjson.EachElement(v, func(raw []byte) bool {
		var id []byte
		if id, e = ParseID(raw); e != nil {
			e = apierr.New(apierr.InvalidDocumentIDs, "In `.ids[%d]`: %s", len(q.IDs), e.Message)
			return false
		}
		q.IDs = append(q.IDs, id)
		return true
	})
	return e
}

// ParseDocumentsParameters reads the query string of GET documents into the same query as the POST form.
func ParseDocumentsParameters(query string) (*DocumentsQuery, *apierr.Error) {
	q := &DocumentsQuery{Limit: defaultLimit}
	e := readQuery(query, documentsFields, func(p parameter) *apierr.Error {
		code := documentsTable[p.name].code
		var v node
		switch p.name {
		case "offset", "limit":
			n, e := p.uint(code, 64)
			if e != nil {
				return e
			}
			v = strconv.AppendUint(nil, n, 10)
		case "retrieveVectors":
			b, e := p.boolean(code)
			if e != nil {
				return e
			}
			v = strconv.AppendBool(nil, b)
		case "useNetwork":
			return p.place(code).wrongType("", node(p.value))
		case "filter":
			v = jsonOrText(p.value)
		case "sort":
			v = appendStrings(nil, splitSort(p.value))
		case "fields":
			list := []string{}
			if star, _ := p.each(func(at parameter) *apierr.Error { list = append(list, at.value); return nil }); star {
				return nil
			}
			v = appendStrings(nil, list)
		default:
			v = appendStrings(nil, p.words())
		}
		q.take(p.name, v)
		return nil
	})
	if e == nil {
		e = q.acceptable()
	}
	return q, e
}

// ParseDocumentQuery checks the query string of GET documents/{id}.
func ParseDocumentQuery(query string) *apierr.Error {
	return readQuery(query, []string{"fields", "retrieveVectors", "useNetwork"}, func(p parameter) *apierr.Error {
		switch p.name {
		case "retrieveVectors":
			_, e := p.boolean(apierr.InvalidDocumentRetrieveVectors)
			return e
		case "useNetwork":
			return p.place(apierr.InvalidDocumentUseNetwork).wrongType("", node(p.value))
		}
		return nil
	})
}

// Each visits the members of the listing that are not null, but not those of the window.
func (q *DocumentsQuery) Each(visit func(name string, value []byte)) {
	for _, m := range q.members {
		visit(m.name, m.value)
	}
}
