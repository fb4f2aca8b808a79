package leg

import (
	"strconv"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Similar is a search for documents similar to one. Only the leg that has the document can be asked for it; the others
// are asked for what is near to the document's vectors.
type Similar struct {
	query    *meili.SimilarQuery
	settings *Settings
	primary  string
	display  display
}

// NewSimilar decides about a search for similar documents.
func NewSimilar(q *meili.SimilarQuery, settings *Settings, primaryKey string) *Similar {
	s := &Similar{query: q, settings: settings, primary: primaryKey}
	s.display = newDisplay(wish{retrieve: q.AttributesToRetrieve}, settings.Displayed, primaryKey)
	if q.RetrieveVectors && settings.hidesVectors() {
		s.display.veil.Extra = append(s.display.veil.Extra, merge.Extra{Field: "_vectors"})
	}
	return s
}

// Source asks for the document's vectors, as far as the rule of the client's token lets it see the document.
func (s *Similar) Source(rule []byte) []byte {
	b := newBody()
	b.strings("ids", []string{s.query.ID})
	b.strings("fields", []string{"_vectors"})
	b.put("retrieveVectors", []byte("true"))
	if len(rule) > 0 {
		b.put("filter", rule)
	}
	return b.end()
}

// Own asks the leg that has the document.
func (s *Similar) Own() []byte {
	b := newBody()
	b.put("id", rawjson.AppendQuoted(nil, s.query.ID))
	b.put("embedder", rawjson.AppendQuoted(nil, s.query.Embedder))
	s.common(b)
	return b.end()
}

// Near asks another leg for what is near to one of the document's vectors, given as a JSON array. Without a vector it asks
// how many documents there are. plain switches the index's distinct attribute off, which does not concern similar
// documents.
func (s *Similar) Near(vector []byte, plain bool) []byte {
	b := newBody()
	if plain && s.settings.Distinct != "" {
		b.put("distinct", rawjson.AppendQuoted(nil, nodeapi.NoDistinct))
	}
	if vector == nil {
		b.number("limit", 0)
		if s.query.Filter != nil {
			b.put("filter", s.query.Filter)
		}
		return b.end()
	}
	b.put("hybrid", append(rawjson.AppendQuoted([]byte(`{"embedder":`), s.query.Embedder), `,"semanticRatio":1.0}`...))
	b.put("vector", vector)
	s.common(b)
	return b.end()
}

// common is what both kinds of legs are asked alike. The threshold stays here: the merged list knows where it ends.
func (s *Similar) common(b *body) {
	b.number("limit", min(s.query.Offset, maxWindow-s.query.Limit)+s.query.Limit)
	if s.query.Filter != nil {
		b.put("filter", s.query.Filter)
	}
	retrieve := s.display.retrieve
	if retrieve != nil {
		retrieve = append(retrieve[:len(retrieve):len(retrieve)], nodeapi.FieldUpdatedAt)
	}
	b.strings("attributesToRetrieve", retrieve)
	b.put("showRankingScoreDetails", []byte("true"))
	for _, flag := range []struct {
		name string
		on   bool
	}{
		{"retrieveVectors", s.query.RetrieveVectors}, {"showRankingScore", s.query.ShowRankingScore},
		{"showPerformanceDetails", s.query.ShowPerformanceDetails},
	} {
		if flag.on {
			b.put(flag.name, strconv.AppendBool(nil, true))
		}
	}
}

// Namesake asks an index how many documents it has that have the document's id and that the search may find.
func (s *Similar) Namesake() []byte {
	b := newBody()
	b.strings("ids", []string{s.query.ID})
	b.number("limit", 0)
	if s.query.Filter != nil {
		b.put("filter", s.query.Filter)
	}
	return b.end()
}

// SimilarRequest is how answers from the legs of several searches, each of an index of its own, are merged. legs says where
// every answer came from.
func SimilarRequest(all []*Similar, legs []merge.SimilarLeg) merge.SimilarRequest {
	q := all[0].query
	req := merge.SimilarRequest{
		ID: q.ID, Offset: q.Offset, Limit: q.Limit, ShowRankingScoreDetails: q.ShowRankingScoreDetails, Threshold: q.Threshold, Legs: legs,
	}
	for _, s := range all {
		req.MaxTotalHits = max(req.MaxTotalHits, s.settings.MaxTotalHits)
		req.Indexes = append(req.Indexes, merge.SimilarIndex{PrimaryKey: s.primary, Veil: s.display.veil})
	}
	return req
}

// Model is what decides about the vectors of the search's embedder, in one spelling; empty where the index has no such
// embedder. Similarities by equal ones can be compared.
func (s *Similar) Model() string { return s.settings.Embedders[s.query.Embedder].Model }
