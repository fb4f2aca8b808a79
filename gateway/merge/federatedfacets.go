package merge

import (
	"cmp"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// facets merges facetsByIndex: legs by index first, and then, if the client wants it, the indexes into one.
func (f *federation) facets() (merged facetAnswer, byIndex []byte, approximate []string, err error) {
	legs := map[string][]facetLeg{}
	var names []string
	for i := range f.sc.tails {
		raw := f.sc.tails[i].byIndex
		if raw == nil {
			continue
		}
		m := objectAt(raw, 0)
		for m.next() {
			name := f.shown(f.clientName(i, m.name()))
			value := m.raw()
			if m.bad {
				break
			}
			if f.req.Facets[name].Silent {
				continue
			}
			if _, ok := legs[name]; !ok {
				names = append(names, name)
			}
			legs[name] = append(legs[name], facetLeg{memberOf(value, []byte("distribution")), memberOf(value, []byte("stats")), f.sc.tails[i].total})
		}
		if m.bad {
			return facetAnswer{}, nil, nil, ErrAnswer
		}
	}
	if names == nil {
		return facetAnswer{}, nil, nil, nil
	}
	slices.Sort(names)
	answers := make([]facetAnswer, len(names))
	for i, name := range names {
		if answers[i], err = mergeFacets(f.req.Facets[name], f.sc.total(), legs[name]); err != nil {
			return facetAnswer{}, nil, nil, err
		}
		approximate = append(approximate, answers[i].approximate...)
	}
	slices.Sort(approximate)
	approximate = slices.Compact(approximate)
	if f.req.Plain != nil {
		return answers[0], nil, approximate, nil
	}
	if f.req.MergeFacets != nil {
		merged, err = acrossIndexes(f.req, names, answers)
		return merged, nil, approximate, err
	}
	byIndex = append(byIndex, '{')
	for i, name := range names {
		if i > 0 {
			byIndex = append(byIndex, ',')
		}
		byIndex = append(rawjson.AppendQuoted(byIndex, name), `:{"distribution":`...)
		byIndex = append(byIndex, orEmpty(answers[i].distribution)...)
		byIndex = append(append(byIndex, `,"stats":`...), orEmpty(answers[i].stats)...)
		byIndex = append(byIndex, '}')
	}
	return facetAnswer{}, append(byIndex, '}'), approximate, nil
}

func orEmpty(raw []byte) []byte {
	if raw == nil {
		return []byte("{}")
	}
	return raw
}

// ordering is how an index orders the values of a facet.
type ordering struct {
	index string
	order FacetOrder
}

// FacetOrderError says that two indexes order the values of a facet in different ways, so that they cannot be merged.
type FacetOrderError struct {
	Facet, Previous, Index      string
	PreviousOrder, CurrentOrder FacetOrder
	Unused                      bool // no query is about the second index
}

// UnusedFacets are facets asked for of an index that no query is about: an engine wants them to be in order all the same.
type UnusedFacets struct {
	Index string
	Has   func(facet string) bool
}

func (e *FacetOrderError) Error() string { return "merge: facet ordered differently by two indexes" }

// acrossIndexes merges the facets of several indexes as one engine does: values are told apart by their spelling alone.
func acrossIndexes(req *FederatedRequest, names []string, answers []facetAnswer) (facetAnswer, error) {
	var attributes []attribute
	order := map[string]ordering{}
	for i := range answers {
		gathered, _, _, err := gatherFacets(FacetSettings{}, []facetLeg{{answers[i].distribution, answers[i].stats, 0}})
		if err != nil {
			return facetAnswer{}, err
		}
		for _, g := range gathered {
			by, mine := order[g.name], ordering{names[i], req.Facets[names[i]].order(g.name)}
			if by.index == "" {
				order[g.name] = mine
			} else if by.order != mine.order {
				return facetAnswer{}, &FacetOrderError{g.name, by.index, mine.index, by.order, mine.order, false}
			}
			at, ok := slices.BinarySearchFunc(attributes, g.name, func(a attribute, n string) int { return cmp.Compare(a.name, n) })
			if !ok {
				attributes = slices.Insert(attributes, at, g)
				continue
			}
			attributes[at].lists = append(attributes[at].lists, g.lists...)
			if g.stats != nil {
				attributes[at].widen(g.stats)
			}
		}
	}
	if err := unusedOrder(req, attributes, order); err != nil {
		return facetAnswer{}, err
	}
	out := facetAnswer{distribution: []byte{'{'}}
	for i := range attributes {
		a := &attributes[i]
		if a.lists == nil {
			continue
		}
		values, err := spelled(a.lists, order[a.name].order)
		if err != nil {
			return facetAnswer{}, err
		}
		if limit := req.MergeFacets.MaxValues; limit >= 0 {
			values = values[:min(limit, len(values))]
		}
		if len(out.distribution) > 1 {
			out.distribution = append(out.distribution, ',')
		}
		out.distribution = append(rawjson.AppendQuoted(out.distribution, a.name), ':', '{')
		for j, v := range values {
			if j > 0 {
				out.distribution = append(out.distribution, ',')
			}
			out.distribution = appendCount(out.distribution, v.text, v.count)
		}
		out.distribution = append(out.distribution, '}')
	}
	out.distribution = append(out.distribution, '}')
	out.stats = appendStats(nil, attributes)
	return out, nil
}

// unusedOrder looks for a facet that an index no query is about orders in another way than the others do.
func unusedOrder(req *FederatedRequest, attributes []attribute, order map[string]ordering) error {
	for _, u := range req.Unused {
		for i := range attributes {
			name := attributes[i].name
			if by, mine := order[name], req.Facets[u.Index].order(name); u.Has(name) && by.order != mine {
				return &FacetOrderError{name, by.index, u.Index, by.order, mine, true}
			}
		}
	}
	return nil
}

// spelled adds up lists of values by their spelling and orders them by it, or by count.
func spelled(lists []facetList, order FacetOrder) ([]listed, error) {
	var out []listed
	places := map[string]int{}
	t := facetTable{}
	for i := range lists {
		if err := t.read(lists[i].raw); err != nil {
			return nil, err
		}
		for _, v := range t.list {
			at, ok := places[v.text]
			if !ok {
				places[v.text] = len(out)
				out = append(out, v)
				continue
			}
			out[at].count += v.count
		}
	}
	slices.SortStableFunc(out, func(x, y listed) int {
		if order == FacetCount {
			return cmp.Compare(y.count, x.count) // equal ones stay in the order of the indexes
		}
		return cmp.Compare(x.text, y.text)
	})
	return out, nil
}
