package leg

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Index is an index as a federated search must know it.
type Index struct {
	UID        string // its name among the queries
	Name       string // what answers call it; empty: as it is named among the queries
	Catalog    string // its own name, by which sidecars call it; empty: UID
	Physical   string // the nodes' name
	PrimaryKey string
	Settings   *Settings
}

// Federated is a federated multi-search: what its legs are asked, and how their answers are merged.
type Federated struct {
	federation *meili.Federation
	queries    []*Search
	multi      []meili.MultiQuery
	indexes    map[string]Index
	several    bool // some index has several queries, or some query looks for vectors
	positions  []int
	decided    map[int]half // how queries that look for vectors are asked
}

// shown is what answers call the index.
func (ix Index) shown() string {
	if ix.Name != "" {
		return ix.Name
	}
	return ix.UID
}

// NewFederated decides about a federated search. indexes has the indexes that queries and facets name; a query of another
// one is in no part.
func NewFederated(m *meili.MultiSearch, indexes map[string]Index) *Federated {
	f := &Federated{federation: m.Federation, multi: m.Queries, indexes: indexes, decided: map[int]half{}}
	asked := map[string]bool{}
	for _, q := range m.Queries {
		ix, ok := indexes[q.IndexUID]
		if !ok {
			ix.Settings = ParseSettings(nil)
		}
		s := &Search{query: q.SearchQuery, settings: ix.Settings, primary: ix.PrimaryKey, distinct: f.distinctOf(q.SearchQuery, ix)}
		if q.Hybrid != nil {
			s.hybrid = meili.ReadHybrid(q.Hybrid)
			s.Kind = kindOf(q.SearchQuery, s.hybrid.Ratio)
		}
		f.several = f.several || s.Kind != Keyword || asked[q.IndexUID]
		asked[q.IndexUID] = true
		f.queries = append(f.queries, s)
	}
	for i, s := range f.queries {
		needs := []string{s.distinct}
		if f.apart(m.Queries[i].IndexUID) {
			needs = append(needs, s.primary)
		}
		s.display = newDisplay(s.wish(), s.settings.Displayed, needs...)
		s.veilVectors()
	}
	return f
}

// Stands says which of the client's queries each query stands for; nil: each for itself.
func (f *Federated) Stands(positions []int) { f.positions = positions }

// Distinct is the distinct field over all queries, "" for none.
func (f *Federated) Distinct() string {
	if f.federation.Distinct == nil {
		return ""
	}
	return *f.federation.Distinct
}

// distinctOf is the distinct field by which the hits of a query are told apart: that of the federation, or else the
// query's own, or else that of its index.
func (f *Federated) distinctOf(q *meili.SearchQuery, ix Index) string {
	switch {
	case f.federation.Distinct != nil:
		return *f.federation.Distinct
	case q.Distinct != "":
		return q.Distinct
	}
	return ix.Settings.Distinct
}

// Part is the share of a federated search that one request to a node asks for: the queries of some of its indexes.
type Part struct {
	Body    []byte
	Queries []int             // the client's position of every query
	Indexes map[string]string // the queries' names of indexes by those in answers
}

// Parts makes the shares of the given indexes, named as the client does. That is one, unless queries must be asked for one
// by one: where a query has a distinct field of its own, a node that knows its own documents only would drop a hit of
// another query for one that falls out later.
func (f *Federated) Parts(indexes []string) []Part {
	var together []int
	var parts []Part
	for i := range f.queries {
		switch uid := f.multi[i].IndexUID; {
		case !slices.Contains(indexes, uid):
		case f.apart(uid):
			parts = append(parts, f.part([]int{i}, indexes, false))
		default:
			together = append(together, i)
		}
	}
	if len(together) > 0 {
		parts = append(parts, f.part(together, indexes, false))
	}
	return parts
}

// apart says whether the queries of an index are asked for one by one.
func (f *Federated) apart(uid string) bool {
	n, distinct := 0, false
	for i, s := range f.queries {
		if f.multi[i].IndexUID == uid {
			n++
			distinct = distinct || s.distinct != ""
		}
	}
	return n > 1 && distinct && f.federation.Distinct == nil
}

// Whole asks one node to judge all queries together, without looking for hits: for what an engine refuses about queries
// of different indexes when no part has them all.
func (f *Federated) Whole() Part {
	all := make([]int, len(f.queries))
	for i := range all {
		all[i] = i
	}
	var indexes []string
	for uid := range f.indexes {
		indexes = append(indexes, uid)
	}
	return f.part(all, indexes, true)
}

func (f *Federated) part(positions []int, indexes []string, judge bool) Part {
	p := Part{Queries: positions, Indexes: map[string]string{}}
	for _, uid := range indexes {
		p.Indexes[f.indexes[uid].Physical] = uid
		if own := f.indexes[uid].Catalog; own != "" {
			p.Indexes[own] = uid
		}
	}
	queries := []byte{'['}
	for n, i := range positions {
		if n > 0 {
			queries = append(queries, ',')
		}
		queries = append(queries, f.query(i)...)
	}
	b := newBody()
	b.put("federation", f.federationOf(indexes, judge))
	b.put("queries", append(queries, ']'))
	p.Body = b.end()
	return p
}

// query is one query as the nodes get it.
func (f *Federated) query(i int) []byte {
	s, q := f.queries[i], &f.multi[i]
	b := newBody()
	b.put("indexUid", rawjson.AppendQuoted(nil, f.indexes[q.IndexUID].Physical))
	as := f.decided[i]
	if as.ratio != "" {
		b.put("hybrid", s.hybridAt(as.ratio))
	}
	if as.vector != nil {
		b.put("vector", as.vector)
	}
	q.Each(func(name string, value []byte) {
		switch name {
		case "hybrid":
			if as.ratio != "" {
				return
			}
		case "vector", "media":
			if as.ratio != "" || as.vector != nil {
				return
			}
		case "showRankingScoreDetails", "attributesToRetrieve", "attributesToHighlight", "attributesToCrop", "facets":
			return
		}
		b.put(name, value)
	})
	b.strings("attributesToRetrieve", s.retrieve(half{}))
	b.strings("attributesToHighlight", s.display.highlight)
	b.strings("attributesToCrop", s.display.crop)
	b.put("showRankingScoreDetails", []byte("true"))
	if q.Options != nil {
		b.put("federationOptions", append(strconv.AppendFloat([]byte(`{"weight":`), q.Options.Weight, 'g', -1, 64), '}'))
	}
	return b.end()
}

// federationOf is the federation object of a part.
func (f *Federated) federationOf(indexes []string, judge bool) []byte {
	fed := f.federation
	b := newBody()
	switch {
	case judge:
		b.number("limit", 0)
	case fed.Exhaustive:
		b.number("page", min(fed.Page, 1))
		b.number("hitsPerPage", product(max(1, fed.Page), fed.HitsPerPage))
	default:
		b.number("limit", min(fed.Offset, maxWindow-fed.Limit)+fed.Limit)
	}
	facets, written := newBody(), map[string]bool{}
	for uid, ix := range f.indexes {
		if written[ix.Physical] {
			continue // under another name; only a request to judge has both
		}
		used := f.used(uid)
		if used && !slices.Contains(indexes, uid) {
			continue
		}
		patterns, asked := f.federation.Facets(uid)
		if used && f.counts(ix) && !countsAnyway(patterns, f.Distinct()) {
			patterns = append(slices.Clone(patterns), f.Distinct())
		} else if !asked || patterns == nil {
			continue
		}
		written[ix.Physical] = true
		facets.strings(ix.Physical, patterns)
	}
	if len(facets.out) > 1 {
		b.put("facetsByIndex", facets.end())
	}
	if fed.Distinct != nil {
		b.put("distinct", rawjson.AppendQuoted(nil, *fed.Distinct))
	}
	if fed.ShowPerformanceDetails {
		b.put("showPerformanceDetails", []byte("true"))
	}
	return b.end()
}

// used says whether a query is about an index.
func (f *Federated) used(uid string) bool {
	return slices.ContainsFunc(f.multi, func(q meili.MultiQuery) bool { return q.IndexUID == uid })
}

// counts says whether the values of the distinct field are counted to know the exact total.
func (f *Federated) counts(ix Index) bool {
	return f.federation.Exhaustive && !f.several && f.Distinct() != "" && ix.Settings.Countable(f.Distinct())
}

// Request is how the legs' answers are merged.
func (f *Federated) Request() merge.FederatedRequest {
	fed := f.federation
	r := merge.FederatedRequest{
		Page: merge.Page{
			Exhaustive: fed.Exhaustive, Offset: fed.Offset, Limit: fed.Limit, Page: fed.Page, HitsPerPage: fed.HitsPerPage,
		},
		Semantic: slices.ContainsFunc(f.queries, func(s *Search) bool { return s.Kind != Keyword }),
		Distinct: f.Distinct(), DistinctCounted: f.Distinct() != "", MaxTotalHits: map[string]int{}, Facets: map[string]merge.FacetSettings{},
		Apart: map[string]string{}, Names: map[string]string{}, Stands: f.positions,
	}
	if fed.MergeFacets {
		r.MergeFacets = &merge.MergeFacets{MaxValues: -1}
		if fed.MaxValuesPerFacet != nil {
			r.MergeFacets.MaxValues = *fed.MaxValuesPerFacet
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(f.indexes)) {
		ix := f.indexes[uid]
		r.MaxTotalHits[uid] = ix.Settings.MaxTotalHits
		r.Names[uid] = ix.shown()
		if f.apart(uid) {
			r.Apart[uid] = ix.PrimaryKey
		}
		r.DistinctCounted = r.DistinctCounted && (!f.used(uid) || f.counts(ix))
		set := ix.Settings.Facets
		patterns, asked := fed.Facets(uid)
		set.Silent = !asked || patterns == nil
		if f.counts(ix) && !countsAnyway(patterns, f.Distinct()) {
			set.Hide = []string{f.Distinct()}
		}
		r.Facets[uid] = set
		if _, known := r.Facets[ix.shown()]; !known { // of several the first decides how they are listed together
			r.Facets[ix.shown()] = set
		}
		if asked && !f.used(uid) {
			r.Unused = append(r.Unused, merge.UnusedFacets{Index: ix.shown(), Has: func(facet string) bool {
				return ix.Settings.Countable(facet) && slices.ContainsFunc(patterns, func(p string) bool { return matches(p, facet) })
			}})
		}
	}
	slices.SortFunc(r.Unused, func(a, b merge.UnusedFacets) int { return strings.Compare(a.Index, b.Index) })
	for i, s := range f.queries {
		q := merge.FederatedQuery{
			Index: f.multi[i].IndexUID, Weight: 1, ShowRankingScoreDetails: s.query.ShowRankingScoreDetails, Veil: s.display.veil,
		}
		if o := f.multi[i].Options; o != nil {
			q.Weight = o.Weight
		}
		if fed.Distinct == nil {
			q.Distinct = s.distinct
		}
		if s.Kind == Hybrid && f.decided[i].ratio == "" {
			q.Hybrid, q.SemanticRatio = true, s.hybrid.Ratio
		}
		r.Queries = append(r.Queries, q)
	}
	return r
}
