package merge

import (
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// FacetOrder is how the values of a facet are ordered (faceting.sortFacetValuesBy).
type FacetOrder uint8

// Orders of facet values.
const (
	FacetAlpha FacetOrder = iota
	FacetCount
)

// FacetSettings is the client's view of the faceting settings and what the legs ran with.
type FacetSettings struct {
	MaxValues int                   // faceting.maxValuesPerFacet as the client set it; 0: 100
	EngineCap int                   // the raised cap the legs ran with; 0: 1000
	SortBy    map[string]FacetOrder // by attribute; "*" for the others
	Hide      []string              // facets the planner added
	Silent    bool                  // the client asked for no facets at all

	once string // a facet of which every value stands for one hit of the whole list
}

const (
	defaultMaxValues = 100
	defaultEngineCap = 1000

	// From this many candidates on an engine reads facets from its facet tree, where numbers have numeric order; below it
	// reads them from the documents, where numbers are ordered as text.
	levelThreshold = 3000
)

func (f FacetSettings) order(attribute string) FacetOrder {
	if o, ok := f.SortBy[attribute]; ok {
		return o
	}
	return f.SortBy["*"]
}

// facetAnswer is merged facets, ready to be written.
type facetAnswer struct {
	distribution []byte // nil: no leg had any
	stats        []byte
	approximate  []string
}

func (f *facetAnswer) append(dst []byte) []byte {
	dst = appendRaw(dst, `,"facetDistribution":`, f.distribution)
	return appendRaw(dst, `,"facetStats":`, f.stats)
}

// facets merges the facets of all tails.
func (sc *scratch) facets(set FacetSettings, candidates int64) (facetAnswer, error) {
	legs := make([]facetLeg, 0, 8)
	for i := range sc.tails {
		t := &sc.tails[i]
		if t.distribution != nil || t.stats != nil {
			legs = append(legs, facetLeg{t.distribution, t.stats, t.total})
		}
	}
	if len(legs) == 0 || set.Silent {
		return facetAnswer{}, nil
	}
	return mergeFacets(set, candidates, legs)
}

// facetLeg is one leg's facets (nil: absent) and the number of candidates they were counted over.
type facetLeg struct {
	distribution []byte
	stats        []byte
	candidates   int64
}

// facetNumbers is the range of the numeric values of one facet, with the spelling of its ends.
type facetNumbers struct {
	min, max       float64
	minRaw, maxRaw []byte
}

// attribute is one facet over all legs.
type attribute struct {
	name  string
	lists []facetList
	stats *facetNumbers
}

// facetList is the list of values of one leg for one facet.
type facetList struct {
	raw     []byte
	numbers *facetNumbers // nil: the leg has no numeric value
	level   bool          // the leg had enough candidates to read its facet tree
}

// mergeFacets is MG-5 and MG-6: counts add up per value, facets of any leg are kept, ranges are widened.
func mergeFacets(set FacetSettings, candidates int64, legs []facetLeg) (facetAnswer, error) {
	if set.MaxValues <= 0 {
		set.MaxValues = defaultMaxValues
	}
	if set.EngineCap <= 0 {
		set.EngineCap = defaultEngineCap
	}
	attributes, listed, measured, err := gatherFacets(set, legs)
	if err != nil {
		return facetAnswer{}, err
	}
	var out facetAnswer
	if listed {
		out.distribution = append(out.distribution, '{')
		table := facetTable{index: map[string]int32{}}
		for i := range attributes {
			a := &attributes[i]
			if a.lists == nil {
				continue
			}
			exact, err := table.fill(a, set, candidates)
			if err != nil {
				return facetAnswer{}, err
			}
			if !exact {
				out.approximate = append(out.approximate, a.name)
			}
			if len(out.distribution) > 1 {
				out.distribution = append(out.distribution, ',')
			}
			out.distribution = append(rawjson.AppendQuoted(out.distribution, a.name), ':')
			out.distribution = table.append(out.distribution, set.MaxValues)
		}
		out.distribution = append(out.distribution, '}')
	}
	if measured {
		out.stats = appendStats(out.stats, attributes)
	}
	return out, nil
}

func appendStats(dst []byte, attributes []attribute) []byte {
	dst = append(dst, '{')
	some := false
	for i := range attributes {
		s := attributes[i].stats
		if s == nil {
			continue
		}
		if some {
			dst = append(dst, ',')
		}
		some = true
		dst = append(rawjson.AppendQuoted(dst, attributes[i].name), `:{"min":`...)
		dst = append(append(dst, s.minRaw...), `,"max":`...)
		dst = append(append(dst, s.maxRaw...), '}')
	}
	return append(dst, '}')
}

// gatherFacets sorts what the legs say by facet; the facets come in the order of their names.
func gatherFacets(set FacetSettings, legs []facetLeg) (out []attribute, listed, measured bool, err error) {
	find := func(name string) *attribute {
		if slices.Contains(set.Hide, name) {
			return nil
		}
		at, ok := slices.BinarySearchFunc(out, name, func(a attribute, n string) int { return strings.Compare(a.name, n) })
		if !ok {
			out = slices.Insert(out, at, attribute{name: name})
		}
		return &out[at]
	}
	for _, leg := range legs {
		var ranges []legRange
		if leg.stats != nil {
			measured = true
			if ranges, err = readRanges(leg.stats); err != nil {
				return nil, false, false, err
			}
			for i := range ranges {
				if a := find(ranges[i].name); a != nil {
					a.widen(&ranges[i].facetNumbers)
				}
			}
		}
		if leg.distribution == nil {
			continue
		}
		listed = true
		m := objectAt(leg.distribution, 0)
		for m.next() {
			name := m.name()
			list := facetList{raw: m.raw(), level: leg.candidates > levelThreshold}
			for i := range ranges {
				if ranges[i].name == name {
					list.numbers = &ranges[i].facetNumbers
				}
			}
			if a := find(name); a != nil {
				a.lists = append(a.lists, list)
			}
		}
		if m.bad {
			return nil, false, false, ErrAnswer
		}
	}
	return out, listed, measured, nil
}

func (a *attribute) widen(n *facetNumbers) {
	if a.stats == nil {
		c := *n
		a.stats = &c
		return
	}
	if n.min < a.stats.min {
		a.stats.min, a.stats.minRaw = n.min, n.minRaw
	}
	if n.max > a.stats.max {
		a.stats.max, a.stats.maxRaw = n.max, n.maxRaw
	}
}

type legRange struct {
	name string
	facetNumbers
}

func readRanges(stats []byte) ([]legRange, error) {
	var out []legRange
	m := objectAt(stats, 0)
	for m.next() {
		r := legRange{name: m.name()}
		inner := objectAt(stats, m.value)
		low, high := false, false
		for inner.next() {
			switch string(inner.key) {
			case "min":
				r.minRaw = inner.raw()
				r.min, low = parseFloat(r.minRaw)
			case "max":
				r.maxRaw = inner.raw()
				r.max, high = parseFloat(r.maxRaw)
			}
		}
		if inner.bad {
			return nil, ErrAnswer
		}
		m.skipTo(inner.i)
		if low && high {
			out = append(out, r)
		}
	}
	if m.bad {
		return nil, ErrAnswer
	}
	return out, nil
}

// appendCount appends `key:count`.
func appendCount(dst []byte, key string, count uint64) []byte {
	return strconv.AppendUint(append(rawjson.AppendQuoted(dst, key), ':'), count, 10)
}
