package meili

import (
	"encoding/json"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// SearchQuery is a search as the gateway needs it: the window and the flags it acts on, everything else as raw JSON that
// the nodes judge.
type SearchQuery struct {
	Query                   string
	Offset, Limit           int
	Exhaustive              bool // page or hitsPerPage was given
	Page, HitsPerPage       int
	ShowRankingScore        bool
	ShowRankingScoreDetails bool
	RetrieveVectors         bool
	Facets                  []string        // patterns; nil when not given
	Distinct                string          // empty when not given
	Filter                  json.RawMessage // as given; nil for none
	Sort                    []string        // nil when not given
	Hybrid                  json.RawMessage // as given; nil for none
	Vector                  json.RawMessage // as given; nil for none
	MatchingStrategy        string          // empty when not given
	useNetwork              bool
	members                 []member
}

// ParseSearchBody reads the body of POST search and answers what a node would answer to it before it looks at the index.
// What depends on the index (unknown attributes, the language of filters) is for the nodes.
func ParseSearchBody(body []byte) (*SearchQuery, *apierr.Error) {
	if e := CheckBody(body); e != nil {
		return nil, e
	}
	return parseSearch(trimmed(body), root(apierr.BadRequest))
}

// newSearchQuery has the defaults of a search.
func newSearchQuery() *SearchQuery {
	return &SearchQuery{Limit: defaultLimit, Page: 1, HitsPerPage: defaultLimit}
}

func parseSearch(v node, at place) (*SearchQuery, *apierr.Error) {
	q := newSearchQuery()
	e := v.object(at, searchFields, checked(searchTable, at, func(name string, v node) {
		if !v.isNull() {
			q.take(name, v)
		}
	}))
	if e == nil {
		e = q.Acceptable()
	}
	return q, e
}

// take keeps a checked member that is not null.
func (q *SearchQuery) take(name string, v node) {
	q.members = append(q.members, member{name, v})
	p := place{}
	switch name {
	case "q":
		q.Query, _ = v.str(p)
	case "offset":
		q.Offset = v.count()
	case "limit":
		q.Limit = v.count()
	case "page":
		q.Exhaustive = true
		q.Page = v.count()
	case "hitsPerPage":
		q.Exhaustive = true
		q.HitsPerPage = v.count()
	case "showRankingScore":
		q.ShowRankingScore = v[0] == 't'
	case "showRankingScoreDetails":
		q.ShowRankingScoreDetails = v[0] == 't'
	case "retrieveVectors":
		q.RetrieveVectors = v[0] == 't'
	case "facets":
		q.Facets, _ = v.strings(p)
	case "sort":
		q.Sort, _ = v.strings(p)
	case "distinct":
		q.Distinct, _ = v.str(p)
	case "matchingStrategy":
		q.MatchingStrategy, _ = v.str(p)
	case "useNetwork":
		q.useNetwork = v[0] == 't'
	case "filter":
		q.Filter = json.RawMessage(v)
	case "hybrid":
		q.Hybrid = json.RawMessage(v)
	case "vector":
		q.Vector = json.RawMessage(v)
	}
}

// count is a checked positive integer, bounded because no window is wider.
func (v node) count() int {
	n, e := v.uint(place{}, maxUint)
	if e != nil {
		return 0
	}
	return bounded(n)
}

// Restrict conjoins the query's filter with another one; nil stands for none.
func (q *SearchQuery) Restrict(filter json.RawMessage) {
	if len(filter) == 0 {
		return
	}
	q.Filter = Fuse(q.Filter, filter)
	i := slices.IndexFunc(q.members, func(m member) bool { return m.name == filterName })
	if i < 0 {
		i = len(q.members)
		q.members = append(q.members, member{name: filterName})
	}
	q.members[i].value = node(q.Filter)
}

// Has says whether a member was given and is not null.
func (q *SearchQuery) Has(name string) bool {
	return slices.ContainsFunc(q.members, func(m member) bool { return m.name == name })
}

// Without is a copy of the search that lacks some members, with which it may be restricted by itself.
func (q *SearchQuery) Without(names ...string) *SearchQuery {
	out := newSearchQuery()
	for _, m := range q.members {
		if !slices.Contains(names, m.name) {
			out.take(m.name, m.value)
		}
	}
	return out
}

// Acceptable refuses what Meilisearch refuses before it looks for the index.
func (q *SearchQuery) Acceptable() *apierr.Error {
	if e := q.CheckFilter(); e != nil {
		return e
	}
	if q.Has("useNetwork") {
		return useNetworkRefused()
	}
	return nil
}

// CheckFilter refuses a filter of a wrong form.
func (q *SearchQuery) CheckFilter() *apierr.Error {
	return checkFilter(apierr.InvalidSearchFilter, node(q.Filter))
}

// reservedRefused answers a request that names a reserved field, in the words of the sidecars.
func reservedRefused(field string) *apierr.Error {
	return apierr.New(apierr.MiroirReservedField, "`%s` is a reserved field: it can not be used to filter, sort or count", field)
}

// PersonalizationRefused answers a search that is to be personalised.
func PersonalizationRefused() *apierr.Error {
	return FeatureNotEnabled("reranking search results", "personalization", 866)
}

// networkDiscussion is the thread that errors about the network feature point to.
const networkDiscussion = 805

func useNetworkRefused() *apierr.Error {
	return FeatureNotEnabled("passing `useNetwork` in a search query", "network", networkDiscussion)
}

// Check refuses what Meilisearch refuses once it found the index: parameters that do not go together, and what needs a
// feature that Miroir does not switch on.
func (q *SearchQuery) Check() *apierr.Error {
	switch {
	case q.Distinct == nodeapi.NoDistinct:
		return reservedRefused(q.Distinct)
	case q.Has("personalize"):
		return PersonalizationRefused()
	case q.Vector != nil && q.Has("media"):
		return apierr.New(apierr.InvalidSearchMediaAndVector, "%s", "Invalid request: both `media` and `vector` parameters are present.")
	case q.Hybrid == nil && (q.Vector != nil || q.Has("media")):
		return apierr.New(apierr.MissingSearchHybrid, "%s",
			"Invalid request: missing `hybrid` parameter when `vector` or `media` are present.")
	}
	return nil
}

// Each visits the members of the search that are not null, in their order, as the nodes shall read them.
func (q *SearchQuery) Each(visit func(name string, value []byte)) {
	for _, m := range q.members {
		visit(m.name, m.value)
	}
}

// Strings reads a list of strings of a checked member.
func Strings(raw []byte) []string {
	list, _ := node(raw).strings(place{})
	return list
}

// Hybrid is the hybrid member of a search.
type Hybrid struct {
	Embedder string
	Ratio    float32 // share of the vectors, 0 to 1
}

// ReadHybrid reads a checked hybrid member.
func ReadHybrid(raw []byte) Hybrid {
	h := Hybrid{Ratio: 0.5}
	for _, m := range node(raw).members() {
		if m.name == "embedder" {
			h.Embedder, _ = m.value.str(place{})
		} else if f, e := m.value.float(place{}); e == nil {
			h.Ratio = float32(f)
		}
	}
	return h
}

// Seed is a number that the query decides without its window, so that all pages of a query are planned alike.
func (q *SearchQuery) Seed() uint64 {
	var d xxhash.Digest
	d.Reset()
	for _, m := range q.members {
		switch m.name {
		case "offset", "limit", "page", "hitsPerPage":
			continue
		}
		_, _ = d.WriteString(m.name)
		_, _ = d.Write(m.value)
	}
	return d.Sum64()
}
