package merge

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// FacetSearchRequest is what the merge must know of a client's facet search.
type FacetSearchRequest struct {
	FacetQuery       *string // nil: not given
	Order            FacetOrder
	MaxValues        int // faceting.maxValuesPerFacet as the client set it; 0: 100
	EngineCap        int // the cap the legs ran with; 0: 1000
	ProcessingTimeMs int64
}

// FacetSearch merges the answers of one facet search. exact is false when a leg's list was cut under count order.
func FacetSearch(req FacetSearchRequest, legs [][]byte) (body []byte, exact bool, err error) {
	if req.MaxValues <= 0 {
		req.MaxValues = defaultMaxValues
	}
	if req.EngineCap <= 0 {
		req.EngineCap = defaultEngineCap
	}
	t := facetTable{index: map[string]int32{}}
	exact = true
	millis := req.ProcessingTimeMs
	for _, leg := range legs {
		took, n, err := t.readHits(leg)
		if err != nil {
			return nil, false, err
		}
		if req.ProcessingTimeMs <= 0 {
			millis = max(millis, took)
		}
		if n >= req.EngineCap && req.Order == FacetCount {
			exact = false
		}
	}
	t.sortHits(req)
	body = append(body, `{"facetHits":[`...)
	for i := range t.values[:min(len(t.values), req.MaxValues)] {
		if i > 0 {
			body = append(body, ',')
		}
		body = rawjson.AppendQuoted(append(body, `{"value":`...), t.values[i].display)
		body = append(appendNumber(body, `,"count":`, int64(t.values[i].count)), '}') //nolint:gosec // read from an int64
	}
	body = append(body, `],"facetQuery":`...)
	if req.FacetQuery == nil {
		body = append(body, "null"...)
	} else {
		body = rawjson.AppendQuoted(body, *req.FacetQuery)
	}
	return append(appendNumber(body, `,"processingTimeMs":`, millis), '}'), exact, nil
}

// readHits adds the hits of one leg.
func (t *facetTable) readHits(leg []byte) (millis int64, n int, err error) {
	m := objectAt(leg, 0)
	found := false
	for m.next() {
		switch string(m.key) {
		case "processingTimeMs":
			millis, _ = parseInt(m.raw())
		case "facetHits":
			found = true
			list := arrayAt(leg, m.value)
			for {
				at, ok := list.next()
				if !ok {
					break
				}
				v, end := readFacetHit(leg, at)
				list.skipTo(end)
				if end >= 0 {
					t.add(&v)
					n++
				}
			}
			if list.bad {
				return 0, 0, ErrAnswer
			}
			m.skipTo(list.i)
		}
	}
	if m.bad || !found {
		return 0, 0, ErrAnswer
	}
	return millis, n, nil
}

func readFacetHit(b []byte, i int) (v listed, end int) {
	m := objectAt(b, i)
	named, counted := false, false
	for m.next() {
		switch string(m.key) {
		case "value":
			v.text, named = rawjson.Unquote(m.raw())
		case "count":
			count, ok := parseInt(m.raw())
			v.count, counted = uint64(max(count, 0)), ok
		}
	}
	if m.bad || !named || !counted {
		return listed{}, -1
	}
	return v, m.i
}

// sortHits orders the values: by count, the larger spelling first among equals; or alphabetically, where a query makes
// the engine walk its values without their marks.
func (t *facetTable) sortHits(req FacetSearchRequest) {
	if req.Order == FacetCount {
		slices.SortFunc(t.values, func(x, y facetValue) int {
			if c := cmp.Compare(y.count, x.count); c != 0 {
				return c
			}
			return strings.Compare(y.display, x.display)
		})
		return
	}
	bare := func(v facetValue) string { return v.norm }
	if req.FacetQuery != nil {
		bare = func(v facetValue) string { return withoutMarks(v.norm) }
	}
	slices.SortFunc(t.values, func(x, y facetValue) int {
		if c := strings.Compare(bare(x), bare(y)); c != 0 {
			return c
		}
		return strings.Compare(x.norm, y.norm)
	})
}

// withoutMarks drops the nonspacing marks of a decomposed text.
func withoutMarks(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, s)
}
