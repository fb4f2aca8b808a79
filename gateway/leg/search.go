package leg

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Kind is how a search finds its hits.
type Kind uint8

// Kinds of searches.
const (
	Keyword  Kind = iota // by words, or everything
	Semantic             // by a vector
	Hybrid               // by both
)

// Search is one search of one index: what its legs are asked, and how their answers are merged.
type Search struct {
	Kind     Kind
	query    *meili.SearchQuery
	settings *Settings
	hybrid   meili.Hybrid
	primary  string
	distinct string
	count    bool // the legs count the distinct field's values besides
	factor   int  // how many times the window legs are asked for; 0 for once
	display  display
}

// NewSearch decides about a search of an index with the given settings and primary key.
func NewSearch(q *meili.SearchQuery, settings *Settings, primaryKey string) *Search {
	s := &Search{query: q, settings: settings, primary: primaryKey, distinct: settings.Distinct}
	if q.Distinct != "" {
		s.distinct = q.Distinct
	}
	if q.Hybrid != nil {
		s.hybrid = meili.ReadHybrid(q.Hybrid)
		s.Kind = kindOf(q, s.hybrid.Ratio)
	}
	// An engine that searches by vectors does not list every value once, even if it counts all hits.
	s.count = s.Kind == Keyword && q.Exhaustive && s.distinct != "" && settings.Countable(s.distinct)
	needs := []string{s.distinct}
	if s.Kind == Hybrid {
		needs = append(needs, primaryKey)
	}
	s.display = newDisplay(s.wish(), settings.Displayed, needs...)
	s.veilVectors()
	return s
}

// veilVectors takes the vectors away again where the settings hide them.
func (s *Search) veilVectors() {
	if s.query.RetrieveVectors && s.settings.hidesVectors() {
		s.display.veil.Extra = append(s.display.veil.Extra, merge.Extra{Field: "_vectors", AllFormatted: true})
	}
}

// kindOf is Meilisearch's order of cases for a search that has a hybrid member.
func kindOf(q *meili.SearchQuery, ratio float32) Kind {
	words := strings.TrimSpace(q.Query) != ""
	switch {
	case ratio == 0, !words && q.Vector == nil && !q.Has("media"):
		return Keyword
	case ratio == 1, !words:
		return Semantic
	}
	return Hybrid
}

// hidesVectors is Meilisearch's rule for explicit displayedAttributes, which works the other way round where documents
// brought vectors of their own.
func (s *Settings) hidesVectors() bool {
	if s.Displayed == nil {
		return false
	}
	own := false
	for _, e := range s.Embedders {
		own = own || e.Source == "userProvided"
	}
	return slices.Contains(s.Displayed, "_vectors") == own
}

// defaultCropLength is Meilisearch's number of words to crop to.
const defaultCropLength = 10

func (s *Search) wish() wish {
	w := wish{cropLength: defaultCropLength}
	s.query.Each(func(name string, value []byte) {
		switch name {
		case "attributesToRetrieve":
			w.retrieve = meili.Strings(value)
		case "attributesToHighlight":
			w.highlight = meili.Strings(value)
		case "attributesToCrop":
			w.crop = meili.Strings(value)
		case "cropLength":
			if n, err := strconv.Atoi(string(value)); err == nil {
				w.cropLength = n
			}
		}
	})
	return w
}

// Request is how the legs' answers are merged.
func (s *Search) Request() merge.SearchRequest {
	q := s.query
	r := merge.SearchRequest{
		Query: q.Query,
		Page: merge.Page{
			Exhaustive: q.Exhaustive, Offset: q.Offset, Limit: q.Limit, Page: q.Page, HitsPerPage: q.HitsPerPage,
		},
		CutRankingScore:         s.Kind == Hybrid && !q.ShowRankingScore,
		ShowRankingScoreDetails: q.ShowRankingScoreDetails,
		MaxTotalHits:            s.settings.MaxTotalHits, Distinct: s.distinct, DistinctCounted: s.count,
		Veil: s.display.veil, Facets: s.settings.Facets,
	}
	if s.count {
		if len(q.Facets) == 0 {
			r.Facets.Silent = true
		} else if !countsAnyway(q.Facets, s.distinct) {
			r.Facets.Hide = []string{s.distinct}
		}
	}
	return r
}

// countsAnyway says whether the client's own facets have the distinct field among them.
func countsAnyway(facets []string, distinct string) bool {
	return slices.ContainsFunc(facets, func(p string) bool { return matches(p, distinct) })
}

// half says which part of a search a leg is asked for.
type half struct {
	ratio  string // semanticRatio instead of the client's; empty: as it is
	vector []byte // vector instead of the client's; nil: as it is
	score  bool   // the merge reads `_rankingScore`
	bare   bool   // only the query's vector is wanted, no hit
	plain  bool   // score details are not wanted
}

// Body is the search as every leg gets it: the window starts at rank 0, score details are on. A leg that is alone brings
// its hits in their order already.
func (s *Search) Body(alone bool) []byte {
	return s.body(half{plain: alone && s.Kind == Keyword && !s.query.ShowRankingScoreDetails})
}

func (s *Search) body(h half) []byte {
	b := newBody()
	s.query.Each(func(name string, value []byte) {
		switch name {
		case "offset", "limit", "page", "hitsPerPage", "showRankingScoreDetails", "attributesToRetrieve", "attributesToHighlight",
			"attributesToCrop", "facets":
			return
		case "hybrid":
			if h.ratio != "" {
				return
			}
		case "vector", "media":
			if h.vector != nil || h.ratio == noVectors {
				return
			}
		case "showRankingScore":
			if h.score {
				return
			}
		case "retrieveVectors":
			if h.bare {
				return
			}
		}
		b.put(name, value)
	})
	if h.ratio != "" {
		b.put("hybrid", s.hybridAt(h.ratio))
	}
	if h.vector != nil {
		b.put("vector", h.vector)
	}
	if h.bare {
		b.put("limit", []byte("0"))
		b.put("retrieveVectors", []byte("true"))
		return b.end()
	}
	b.strings("attributesToRetrieve", s.retrieve(h))
	b.strings("attributesToHighlight", s.display.highlight)
	b.strings("attributesToCrop", s.display.crop)
	b.strings("facets", s.facets())
	s.window(b)
	if h.score {
		b.put("showRankingScore", []byte("true"))
	}
	if !h.plain {
		b.put("showRankingScoreDetails", []byte("true"))
	}
	return b.end()
}

// hybridAt is the hybrid member with another ratio.
func (s *Search) hybridAt(ratio string) []byte {
	return append(append(rawjson.AppendQuoted([]byte(`{"embedder":`), s.hybrid.Embedder), `,"semanticRatio":`+ratio...), '}')
}

// facets are the facets that the legs count; nil for none.
func (s *Search) facets() []string {
	if s.count && !countsAnyway(s.query.Facets, s.distinct) {
		return append(slices.Clone(s.query.Facets), s.distinct)
	}
	if len(s.query.Facets) == 0 {
		return nil
	}
	return s.query.Facets
}

// retrieve lists the attributes of hits for legs that are merged with others: the stamp decides where the rules do not.
// Sidecars keep it for them only, and the merge cuts it.
func (s *Search) retrieve(h half) []string {
	list := s.display.retrieve
	if list == nil || h.plain || slices.Contains(list, "*") {
		return list
	}
	return append(slices.Clip(list), nodeapi.FieldUpdatedAt)
}

// window writes the window of the legs: everything up to the end of the client's.
func (s *Search) window(b *body) {
	if s.query.Exhaustive {
		b.number("page", min(s.query.Page, 1))
		b.number("hitsPerPage", s.LegLimit())
		return
	}
	b.number("limit", s.LegLimit())
}

// Window is the rank of the end of the client's page.
func (s *Search) Window() int {
	q := s.query
	if q.Exhaustive {
		return product(max(1, q.Page), q.HitsPerPage)
	}
	return min(q.Offset, maxWindow-q.Limit) + q.Limit
}

// LegLimit is how many hits a leg is asked for.
func (s *Search) LegLimit() int {
	return min(s.settings.MaxTotalHits, product(s.OverFetched(), s.Window()))
}

// OverFetch lets legs of a search by vectors bring so many times the window (F12). It says whether that stays within the
// most that a leg may be asked for; where it does not, the greatest factor that does is taken.
func (s *Search) OverFetch(factor, most int) bool {
	if s.Kind == Keyword {
		return true
	}
	s.factor = factor
	if product(factor, s.Window()) <= most {
		return true
	}
	s.factor = max(1, most/max(1, s.Window()))
	return s.factor == factor
}

// OverFetched is how many times the window legs are asked for.
func (s *Search) OverFetched() int { return max(1, s.factor) }

// CountsApproximate says whether the total of several legs may be more than one engine would count.
func (s *Search) CountsApproximate() bool { return s.distinct != "" && !s.count }

// maxWindow bounds windows; no index has more documents.
const maxWindow = math.MaxInt32

// product multiplies up to the widest window.
func product(a, b int) int {
	if b != 0 && a > maxWindow/b {
		return maxWindow
	}
	return a * b
}
