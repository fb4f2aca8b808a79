package meili

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/internal/apierr"
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
	e := v.object(at, searchFields, func(name string, v node) *apierr.Error {
		f := searchTable[name]
		if e := f.check(v, at.key(name, f.code)); e != nil {
			return e
		}
		if !v.isNull() {
			q.take(name, v)
		}
		return nil
	})
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

func (q *SearchQuery) has(name string) bool {
	return slices.ContainsFunc(q.members, func(m member) bool { return m.name == name })
}

// Acceptable refuses what Meilisearch refuses before it looks for the index.
func (q *SearchQuery) Acceptable() *apierr.Error {
	if q.has("useNetwork") {
		return useNetworkRefused()
	}
	return checkFilter(apierr.InvalidSearchFilter, node(q.Filter))
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
	case q.has("personalize"):
		return FeatureNotEnabled("reranking search results", "personalization", 866)
	case q.Vector != nil && q.has("media"):
		return apierr.New(apierr.InvalidSearchMediaAndVector, "%s", "Invalid request: both `media` and `vector` parameters are present.")
	case q.Hybrid == nil && (q.Vector != nil || q.has("media")):
		return apierr.New(apierr.MissingSearchHybrid, "%s",
			"Invalid request: missing `hybrid` parameter when `vector` or `media` are present.")
	}
	return nil
}

// LegOptions say how a search changes on its way to the nodes.
type LegOptions struct {
	Displayed    []string // displayedAttributes of the index; nil means all
	MaxTotalHits int      // pagination.maxTotalHits of the index
}

// attributeLists are the parameters that name attributes of hits and must not reach past what is displayed.
var attributeLists = map[string]bool{"attributesToRetrieve": true, "attributesToCrop": true, "attributesToHighlight": true}

// LegBody is the search as every leg gets it: the window starts at rank 0, score details are on, and attributes that are
// not displayed are not asked for.
func (q *SearchQuery) LegBody(o LegOptions) []byte {
	out := append(make([]byte, 0, 512), '{')
	put := func(name string, raw []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), name...), `":`...)
		out = append(out, raw...)
	}
	retrieve := false
	for _, m := range q.members {
		switch m.name {
		case "offset", "limit", "page", "hitsPerPage", "showRankingScoreDetails":
			continue
		case "attributesToRetrieve":
			retrieve = string(m.value) != "null"
		}
		if attributeLists[m.name] && o.Displayed != nil {
			m.value = restrict(m.value, o.Displayed)
		}
		put(m.name, m.value)
	}
	if o.Displayed != nil && !retrieve {
		list, _ := json.Marshal(o.Displayed)
		put("attributesToRetrieve", list)
	}
	bound := o.MaxTotalHits
	if bound <= 0 {
		bound = math.MaxInt32
	}
	if q.Exhaustive {
		n := min(bound, mulBound(max(1, q.Page), q.HitsPerPage))
		put("page", []byte(strconv.Itoa(min(q.Page, 1))))
		put("hitsPerPage", strconv.AppendInt(nil, int64(n), 10))
	} else {
		put("limit", strconv.AppendInt(nil, int64(min(bound, min(q.Offset, math.MaxInt32-q.Limit)+q.Limit)), 10))
	}
	put("showRankingScoreDetails", []byte("true"))
	return append(out, '}')
}

func mulBound(a, b int) int {
	if b != 0 && a > math.MaxInt32/b {
		return math.MaxInt32
	}
	return a * b
}

// restrict keeps the attributes of a list that are displayed; "*" becomes the displayed ones.
func restrict(raw node, displayed []string) node {
	var list []string
	if string(raw) == "null" || json.Unmarshal(raw, &list) != nil {
		return raw
	}
	out := []string{}
	for _, a := range list {
		name, _, cropped := strings.Cut(a, ":")
		switch {
		case a == "*":
			out = append(out, displayed...)
		case slices.ContainsFunc(displayed, func(d string) bool { return covers(d, a) || cropped && covers(d, name) }):
			out = append(out, a)
		}
	}
	b, _ := json.Marshal(out)
	return b
}

// covers says whether displaying an attribute displays another: itself, or one nested below it.
func covers(displayed, attribute string) bool {
	return attribute == displayed || strings.HasPrefix(attribute, displayed+".")
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
