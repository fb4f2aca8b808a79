package meili

import (
	"encoding/json"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// SimilarQuery is a search for documents similar to one.
type SimilarQuery struct {
	ID                      string // canonical
	Embedder                string
	Offset, Limit           int
	Filter                  json.RawMessage // as given; nil for none
	AttributesToRetrieve    []string        // nil when not given
	RetrieveVectors         bool
	ShowRankingScore        bool
	ShowRankingScoreDetails bool
	ShowPerformanceDetails  bool
	Threshold               *float64 // rankingScoreThreshold; nil when not given
	id                      node
}

// similarFieldList are the members of a similar body, in the order in which Meilisearch lists them.
var similarFieldList = []searchField{
	{"id", apierr.InvalidSimilarID, isAnything},
	{"offset", apierr.InvalidSimilarOffset, isUint},
	{"limit", apierr.InvalidSimilarLimit, isUint},
	{"filter", apierr.InvalidSimilarFilter, isAnything},
	{"embedder", apierr.InvalidSimilarEmbedder, isString},
	{"attributesToRetrieve", apierr.InvalidSimilarAttributesToRetrieve, orNull(isStrings)},
	{"retrieveVectors", apierr.InvalidSimilarRetrieveVectors, isBoolean},
	{"showRankingScore", apierr.InvalidSimilarShowRankingScore, isBoolean},
	{"showRankingScoreDetails", apierr.InvalidSimilarShowRankingScoreDetails, isBoolean},
	{"showPerformanceDetails", apierr.InvalidSimilarShowPerformanceDetails, isBoolean},
	{"rankingScoreThreshold", apierr.InvalidSimilarRankingScoreThreshold, orNull(isRatio(thresholdRule))},
}

var (
	similarFields = fieldNames(similarFieldList)
	similarTable  = fieldTable(similarFieldList)
	// similarParameters are the names of the GET form, in the order in which Meilisearch lists them.
	similarParameters = []string{
		"id", "embedder", "offset", "limit", "attributesToRetrieve", "retrieveVectors", "filter", "showRankingScore",
		"showRankingScoreDetails", "showPerformanceDetails", "rankingScoreThreshold",
	}
)

// ParseSimilarBody reads the body of POST similar and answers what a node would answer to it before it looks at the
// index.
func ParseSimilarBody(body []byte) (*SimilarQuery, *apierr.Error) {
	q := &SimilarQuery{Limit: defaultLimit}
	at := root(apierr.BadRequest)
	named := false
	e := readObject(body, at, similarFields, checked(similarTable, at, func(name string, v node) {
		named = named || name == "embedder"
		q.take(name, v)
	}))
	switch {
	case e != nil:
	case q.id == nil:
		e = at.missing("id")
	case !named:
		e = at.missing("embedder")
	}
	return q, e
}

// take keeps a checked member.
func (q *SimilarQuery) take(name string, v node) {
	if name == "id" {
		q.id = v
		return
	}
	if v.isNull() {
		return
	}
	p := place{}
	switch name {
	case "offset":
		q.Offset = v.count()
	case "limit":
		q.Limit = v.count()
	case "filter":
		q.Filter = json.RawMessage(v)
	case "embedder":
		q.Embedder, _ = v.str(p)
	case "attributesToRetrieve":
		q.AttributesToRetrieve, _ = v.strings(p)
	case "retrieveVectors":
		q.RetrieveVectors = v[0] == 't'
	case "showRankingScore":
		q.ShowRankingScore = v[0] == 't'
	case "showRankingScoreDetails":
		q.ShowRankingScoreDetails = v[0] == 't'
	case "showPerformanceDetails":
		q.ShowPerformanceDetails = v[0] == 't'
	case "rankingScoreThreshold":
		f, _ := v.float(p)
		q.Threshold = &f
	}
}

// ParseSimilarParameters reads the query string of GET similar into the same query as the POST form.
func ParseSimilarParameters(query string) (*SimilarQuery, *apierr.Error) {
	q := &SimilarQuery{Limit: defaultLimit}
	named := false
	e := readQuery(query, similarParameters, func(p parameter) *apierr.Error {
		code := similarTable[p.name].code
		var v node
		switch p.name {
		case "offset", "limit":
			n, e := p.uint(code, 64)
			if e != nil {
				return e
			}
			v = strconv.AppendUint(nil, n, 10)
		case "attributesToRetrieve":
			v = appendStrings(nil, p.words())
		case "filter":
			v = jsonOrText(p.value)
		case "rankingScoreThreshold":
			var e *apierr.Error
			if v, e = ratio(p.place(code), p.value, thresholdRule); e != nil {
				return e
			}
		case "id", "embedder":
			named = named || p.name == "embedder"
			v = rawjson.AppendQuoted(nil, p.value)
		default:
			b, e := p.boolean(code)
			if e != nil {
				return e
			}
			v = strconv.AppendBool(nil, b)
		}
		q.take(p.name, v)
		return nil
	})
	at := place{code: apierr.BadRequest, query: true}
	switch {
	case e != nil:
	case q.id == nil:
		e = at.missing("id")
	case !named:
		e = at.missing("embedder")
	}
	return q, e
}

// Check refuses what Meilisearch refuses once it found the index and the embedder.
func (q *SimilarQuery) Check() *apierr.Error {
	if e := checkFilter(apierr.InvalidSimilarFilter, node(q.Filter)); e != nil {
		return e
	}
	id, e := ParseID(q.id)
	if e != nil {
		return apierr.New(apierr.InvalidSimilarID, "Invalid value at `.id`: %s", e.Message)
	}
	q.ID = string(id)
	return nil
}

// Restrict conjoins the query's filter with another one; nil stands for none.
func (q *SimilarQuery) Restrict(filter json.RawMessage) {
	if len(filter) > 0 {
		q.Filter = Fuse(q.Filter, filter)
	}
}

// SimilarEmbedderNotFound answers a search for similar documents by an embedder that does not exist.
func SimilarEmbedderNotFound(name string) *apierr.Error {
	return apierr.New(apierr.InvalidSimilarEmbedder, "Cannot find embedder with name `%s`.", name)
}

// SimilarNotFound answers a search for documents similar to one that does not exist.
func SimilarNotFound(id string) *apierr.Error {
	return apierr.New(apierr.NotFoundSimilarID, "Document `%s` not found.", id)
}

// Seed is a number that the query decides without its window, so that all pages of a query are planned alike.
func (q *SimilarQuery) Seed() uint64 {
	d := xxhash.New()
	_, _ = d.WriteString(q.ID)
	_, _ = d.WriteString(q.Embedder)
	_, _ = d.Write(q.Filter)
	return d.Sum64()
}
