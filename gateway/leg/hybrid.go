package leg

import (
	"slices"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
)

// A hybrid search is not asked for as one: every node would decide by its own hits whether words are good enough, and a
// cluster must decide by all of them. So the keyword half is asked for first, then, unless it is good enough, the query's
// vector from one node, and then the vector half from all.

const (
	// noVectors is the ratio of a search by words only.
	noVectors = "0.0"
	// onlyVectors is the ratio of a search by a vector only.
	onlyVectors = "1.0"
	// nearlyVectors is a ratio at which a node ranks by vectors alone too, because no keyword score weighs enough to matter,
	// but still runs the words and so marks them in what it formats, and leaves out the excluded ones, as it would within a
	// hybrid search.
	nearlyVectors = "0.99999"
)

// KeywordHalf is the half that searches by words.
func (s *Search) KeywordHalf() []byte { return s.body(half{ratio: noVectors, score: true}) }

// VectorHalf is the half that searches by a vector, given as a JSON array.
func (s *Search) VectorHalf(vector []byte) []byte {
	h := half{ratio: onlyVectors, vector: vector, score: s.Kind == Hybrid}
	if s.Kind == Hybrid && (s.formats() || s.excludes()) {
		h.ratio = nearlyVectors
	}
	return s.body(h)
}

// Embedding asks one node for the vector of the query.
func (s *Search) Embedding() []byte { return s.body(half{ratio: onlyVectors, bare: true}) }

// Vector is the vector that the client gave, nil if it is to be made from the query.
func (s *Search) Vector() []byte { return s.query.Vector }

// formats says whether hits show where the words are.
func (s *Search) formats() bool {
	return s.display.highlight != nil || s.display.crop != nil || s.query.Has("showMatchesPosition")
}

// excludes says whether the query may exclude words. Where it only looks so, the legs work a little more for the same hits.
func (s *Search) excludes() bool { return strings.Contains(s.query.Query, "-") }

// Judged says whether a node must judge the vector or the embedder before the words are searched, because an engine
// refuses the whole search for them even if the words are good enough.
func (s *Search) Judged() bool {
	e, known := s.settings.Embedders[s.hybrid.Embedder]
	return !known || s.query.Vector != nil && e.Dimensions != elements(s.query.Vector)
}

// elements counts the elements of a JSON array of numbers.
func elements(raw []byte) int {
	if !slices.ContainsFunc(raw, func(c byte) bool { return c >= '0' && c <= '9' }) {
		return 0
	}
	n := 1
	for _, c := range raw {
		if c == ',' {
			n++
		}
	}
	return n
}

// HybridRequest is how the halves are merged.
func (s *Search) HybridRequest() merge.HybridRequest {
	return merge.HybridRequest{SearchRequest: s.Request(), SemanticRatio: s.hybrid.Ratio, PrimaryKey: s.primary}
}
