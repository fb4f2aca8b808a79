package meili

import (
	"github.com/miroir-search/miroir/internal/apierr"
)

// MultiSearch is a body of POST /multi-search whose form is right.
type MultiSearch struct {
	Queries    []MultiQuery
	Federation *Federation // nil: every query has an answer of its own
}

// MultiQuery is one query of a multi-search.
type MultiQuery struct {
	*SearchQuery
	IndexUID string
	Options  *FederationOptions // nil when not given
}

// FederationOptions are the options of one query of a federated search.
type FederationOptions struct {
	Weight   float64
	Remote   *string
	Position bool // queryPosition was given
}

// Federation says how the queries of a multi-search become one answer.
type Federation struct {
	Offset, Limit          int
	Exhaustive             bool // page or hitsPerPage was given
	Page, HitsPerPage      int
	FacetsByIndex          []IndexFacets // ascending by index
	MergeFacets            bool
	MaxValuesPerFacet      *int // of mergeFacets
	Distinct               *string
	ShowPerformanceDetails bool
	Personalize            bool
}

// IndexFacets are the facets asked for of one index; Patterns is nil where the client wrote null.
type IndexFacets struct {
	IndexUID string
	Patterns []string
}

// multiFieldList are the members of a query of a multi-search: those of a search, of which some may be null here, the
// index and the options of the federation.
var multiFieldList = func() []searchField {
	list := []searchField{{"indexUid", apierr.InvalidIndexUID, isIndexUID}}
	for _, f := range searchFieldList {
		switch f.name {
		case "offset", "limit", "showPerformanceDetails":
			f.check = orNull(f.check)
		}
		list = append(list, f)
	}
	return append(list, searchField{"federationOptions", "", orNull(isFederationOptions)})
}()

var (
	multiFields = fieldNames(multiFieldList)
	multiTable  = fieldTable(multiFieldList)
)

func isIndexUID(v node, p place) *apierr.Error {
	_, e := v.indexUID(p)
	return e
}

func isFederationOptions(v node, p place) *apierr.Error {
	_, e := v.federationOptions(p)
	return e
}

// ParseMultiSearch reads the body of POST /multi-search and refuses what Meilisearch refuses before it looks at any
// query's index or credential.
func ParseMultiSearch(body []byte) (*MultiSearch, *apierr.Error) {
	m := &MultiSearch{}
	given := false
	at := root(apierr.BadRequest)
	e := readObject(body, at, []string{"queries", "federation"}, func(name string, v node) (e *apierr.Error) {
		if name == "federation" {
			m.Federation, e = v.federation(at.key(name, ""))
			return e
		}
		given = true
		return v.array(at.key(name, ""), func(p place, v node) *apierr.Error {
			q, e := v.multiQuery(p)
			m.Queries = append(m.Queries, q)
			return e
		})
	})
	if e == nil && !given {
		e = at.missing("queries")
	}
	return m, e
}

func (v node) multiQuery(at place) (MultiQuery, *apierr.Error) {
	q := MultiQuery{SearchQuery: newSearchQuery()}
	named := false
	e := v.object(at, multiFields, func(name string, v node) *apierr.Error {
		f := multiTable[name]
		p := at.key(name, f.code)
		if e := f.check(v, p); e != nil {
			return e
		}
		switch {
		case name == "indexUid":
			named = true
			q.IndexUID, _ = v.str(p)
		case v.isNull():
		case name == "federationOptions":
			q.Options, _ = v.federationOptions(p)
		default:
			q.take(name, v)
		}
		return nil
	})
	if e == nil && !named {
		at.code = apierr.MissingIndexUID
		e = at.missing("indexUid")
	}
	return q, e
}

func (v node) federationOptions(at place) (*FederationOptions, *apierr.Error) {
	o := &FederationOptions{Weight: 1}
	e := v.object(at, []string{"weight", "remote", "queryPosition"}, func(name string, v node) (e *apierr.Error) {
		switch name {
		case "weight":
			p := at.key(name, apierr.InvalidMultiSearchWeight)
			if o.Weight, e = v.float(p); e == nil && o.Weight < 0 {
				e = p.invalid("the value of `weight` is invalid, expected a positive float (>= 0.0).")
			}
		case "remote":
			o.Remote, e = v.optionalString(at.key(name, apierr.InvalidMultiSearchRemote))
		case "queryPosition":
			o.Position = !v.isNull()
			e = orNull(isUint)(v, at.key(name, apierr.InvalidMultiSearchQueryPosition))
		}
		return e
	})
	return o, e
}

// federationFieldList are the members of the federation object, in the order in which Meilisearch lists them.
var federationFieldList = []searchField{
	{"limit", apierr.InvalidSearchLimit, isUint},
	{"offset", apierr.InvalidSearchOffset, isUint},
	{"page", apierr.InvalidSearchPage, orNull(isUint)},
	{"hitsPerPage", apierr.InvalidSearchHitsPerPage, orNull(isUint)},
	{"facetsByIndex", apierr.InvalidMultiSearchFacetsByIndex, isAnything}, // read whole
	{"mergeFacets", apierr.InvalidMultiSearchMergeFacets, isAnything},     // read whole
	{"distinct", apierr.InvalidSearchDistinct, orNull(isString)},
	{"showPerformanceDetails", apierr.InvalidSearchShowPerformanceDetails, isBoolean},
	{"personalize", apierr.InvalidSearchPersonalize, orNull(isPersonalize)},
}

var (
	federationFields = fieldNames(federationFieldList)
	federationTable  = fieldTable(federationFieldList)
)

// federation reads the federation object, nil for null.
func (v node) federation(at place) (*Federation, *apierr.Error) {
	if v.isNull() {
		return nil, nil
	}
	f := &Federation{Limit: defaultLimit, Page: 1, HitsPerPage: defaultLimit}
	return f, v.object(at, federationFields, func(name string, v node) *apierr.Error {
		field := federationTable[name]
		p := at.key(name, field.code)
		if e := field.check(v, p); e != nil || v.isNull() && name != "facetsByIndex" {
			return e
		}
		return f.take(name, v, p)
	})
}

// take keeps a member that is not null.
func (f *Federation) take(name string, v node, p place) (e *apierr.Error) {
	switch name {
	case "limit":
		f.Limit = v.count()
	case "offset":
		f.Offset = v.count()
	case "page":
		f.Exhaustive, f.Page = true, v.count()
	case "hitsPerPage":
		f.Exhaustive, f.HitsPerPage = true, v.count()
	case "distinct":
		f.Distinct, _ = v.optionalString(p)
	case "showPerformanceDetails":
		f.ShowPerformanceDetails = v[0] == 't'
	case "personalize":
		f.Personalize = true
	case "facetsByIndex":
		f.FacetsByIndex, e = v.facetsByIndex(p)
	case "mergeFacets":
		f.MergeFacets = true
		f.MaxValuesPerFacet, e = v.mergeFacets(p)
	}
	return e
}
