package serve

import (
	"cmp"
	"slices"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
)

// wide is a multi-search in which a query by an alias of several indexes stands once for each of them.
type wide struct {
	m       *meili.MultiSearch
	client  *meili.MultiSearch        // as it came
	stands  []int                     // the client's query that each query stands for; nil: each for itself
	indexes map[string]*routing.Index // by their names in m; those that are not named alone
	gone    []string                  // targets that do not exist
}

// widen puts every index in the place of an alias of several. Each of the queries has the filter of its own index (AU-14).
func (c *call) widen(m *meili.MultiSearch) wide {
	w := wide{m: m, client: m, indexes: map[string]*routing.Index{}}
	if !slices.ContainsFunc(names(m), func(name string) bool { return isMulti(c.aliasOf(name)) }) {
		return w
	}
	all := *m
	all.Queries = nil
	for i, q := range m.Queries {
		a := c.aliasOf(q.IndexUID)
		if !isMulti(a) || len(a.Indexes) == 0 { // the latter is not found
			all.Queries, w.stands = append(all.Queries, q), append(w.stands, i)
			continue
		}
		for _, uid := range a.Missing {
			if !slices.Contains(w.gone, uid) {
				w.gone = append(w.gone, uid)
			}
		}
		for _, ix := range a.Indexes {
			one := q
			one.SearchQuery, one.IndexUID = q.Without(), w.add(ix)
			one.Restrict(c.filterOf(ix))
			all.Queries, w.stands = append(all.Queries, one), append(w.stands, i)
		}
	}
	if m.Federation != nil {
		all.Federation = w.facets(c, *m.Federation)
	}
	w.m = &all
	return w
}

// names lists the names of indexes in a multi-search.
func names(m *meili.MultiSearch) []string {
	var list []string
	for _, q := range m.Queries {
		list = append(list, q.IndexUID)
	}
	if m.Federation != nil {
		for _, f := range m.Federation.FacetsByIndex {
			list = append(list, f.IndexUID)
		}
	}
	return list
}

// add names an index that an alias stands for with others. No client's name has a slash.
func (w *wide) add(ix *routing.Index) string {
	name := ix.Name + "/" + ix.UID
	if w.indexes[name] == nil {
		own := *ix
		own.Name = name
		w.indexes[name] = &own
	}
	return name
}

// facets asks for the facets of every index that an alias stands for.
func (w *wide) facets(c *call, fed meili.Federation) *meili.Federation {
	var list []meili.IndexFacets
	for _, f := range fed.FacetsByIndex {
		a := c.aliasOf(f.IndexUID)
		if !isMulti(a) || len(a.Indexes) == 0 {
			list = append(list, f)
			continue
		}
		for _, ix := range a.Indexes {
			list = append(list, meili.IndexFacets{IndexUID: w.add(ix), Patterns: f.Patterns})
		}
	}
	slices.SortFunc(list, func(a, b meili.IndexFacets) int { return cmp.Compare(a.IndexUID, b.IndexUID) })
	fed.FacetsByIndex = list
	return &fed
}

// find is the index of a name in the widened search.
func (w *wide) find(c *call, name string) (*routing.Index, bool) {
	if ix := w.indexes[name]; ix != nil {
		return ix, true
	}
	return c.view.Find(name)
}

// shown is what the client called an index.
func (w *wide) shown(name string) string {
	if ix := w.indexes[name]; ix != nil {
		return name[:len(name)-len(ix.UID)-1]
	}
	return name
}

// stand is the client's query that a query stands for.
func (w *wide) stand(query int) int {
	if w.stands == nil || query >= len(w.stands) {
		return query
	}
	return w.stands[query]
}

// clients are the client's queries that some queries stand for.
func (w *wide) clients(queries []int) []int {
	list := make([]int, len(queries))
	for i, q := range queries {
		list[i] = w.stand(q)
	}
	return list
}

// part is an index of which an answer lacks shards, or all where it does not exist.
type part struct {
	uid     string
	missing []int
}

func (p part) degrade(r *reply.Reply) {
	if len(p.missing) == 0 {
		r.DegradedGone(p.uid)
		return
	}
	r.DegradedIndex(p.uid, p.missing)
}

// one is an alias of several indexes as if it were an index: what they have in common.
func one(a *routing.Alias) *routing.Index {
	var ix routing.Index
	for i, target := range a.Indexes {
		if i == 0 {
			ix.IndexRecord = target.IndexRecord
			continue
		}
		if target.PrimaryKey != ix.PrimaryKey {
			ix.PrimaryKey = ""
		}
		if target.CreatedAt.Before(ix.CreatedAt) {
			ix.CreatedAt = target.CreatedAt
		}
		if target.UpdatedAt.After(ix.UpdatedAt) {
			ix.UpdatedAt = target.UpdatedAt
		}
	}
	ix.UID, ix.Name = a.Name, a.Name
	return &ix
}
