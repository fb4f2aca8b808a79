package judge

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// reach is how many hits a search can come to: pagination.maxTotalHits of all indexes here.
const reach = 1000

// hit is one hit of a whole list.
type hit struct {
	id      string
	body    map[string]any // without what is known of its ranking
	details map[string]any // by rule
	score   any
}

// list is all that one side can tell of a query: its hits in order, with the details of their ranking.
type list struct {
	hits []hit
	rank map[string]int // by id
}

func (l list) has(id string) bool {
	_, ok := l.rank[id]
	return ok
}

func (l list) of(id string) hit { return l.hits[l.rank[id]] }

// wholeQuery asks for everything a query can come to, with the details of its ranking.
func (j *Judge) wholeQuery(q query.Query) query.Query {
	page := map[string]any{"limit": reach}
	if q.Exhaustive() {
		page = map[string]any{"hitsPerPage": reach}
	}
	if q.Kind == query.Federated || q.Kind == query.Blended {
		var queries []any
		for i, single := range q.Queries() {
			body := maps.Clone(j.detailed(single).Body)
			body["indexUid"] = single.Index
			original, _ := q.Body["queries"].([]any)[i].(map[string]any)
			if options, ok := original["federationOptions"]; ok {
				body["federationOptions"] = options
			}
			queries = append(queries, body)
		}
		return q.With(map[string]any{"federation": page, "queries": queries})
	}
	whole := j.detailed(q.Without("offset", "limit", "page", "hitsPerPage", "facets")).With(page)
	whole.Method = "POST" // the GET form says nothing more
	return whole
}

// detailed asks for the ranking with its details and for the primary key.
func (j *Judge) detailed(q query.Query) query.Query {
	more := map[string]any{"showRankingScoreDetails": true, "showRankingScore": true}
	key := any(j.corpus(q.Index).PrimaryKey)
	if fields, ok := q.Body["attributesToRetrieve"].([]any); ok && !slices.Contains(fields, key) {
		more["attributesToRetrieve"] = append(slices.Clone(fields), key)
	}
	return q.With(more)
}

// whole asks one side for the whole list.
func (j *Judge) whole(ctx context.Context, side Server, q query.Query) (list, error) {
	answer, err := side.Ask(ctx, j.wholeQuery(q))
	if err != nil {
		return list{}, err
	}
	raw, ok := answer.member("hits").([]any)
	if !ok {
		return list{}, fmt.Errorf("the whole list of %s: status %d, %.300s", side.URL, answer.Status, answer.Raw)
	}
	l := list{rank: map[string]int{}}
	for i, value := range raw {
		body, ok := value.(map[string]any)
		if !ok {
			return list{}, fmt.Errorf("hit %d of %s is no object", i, side.URL)
		}
		h := j.hitOf(q, body)
		if _, twice := l.rank[h.id]; twice {
			return list{}, fmt.Errorf("%s has the document %s twice", side.URL, h.id)
		}
		l.rank[h.id] = i
		l.hits = append(l.hits, h)
	}
	return l, nil
}

// ranking are the members of a hit that tell of its rank.
var ranking = []string{"_rankingScore", "_rankingScoreDetails", "_federation"}

func (j *Judge) hitOf(q query.Query, body map[string]any) hit {
	h := hit{id: jsondiff.Show(body[j.corpus(q.Index).PrimaryKey]), body: maps.Clone(body), score: body["_rankingScore"]}
	h.details, _ = body["_rankingScoreDetails"].(map[string]any)
	if federation, ok := body["_federation"].(map[string]any); ok {
		h.details = maps.Clone(h.details)
		if h.details == nil {
			h.details = map[string]any{}
		}
		h.details["_federation"] = federation
	}
	for _, name := range ranking {
		delete(h.body, name)
	}
	return h
}

// atTheCut says of a hit that only one side's whole list has, whether it only fell on the other side of the end of a full
// list: it ranks equal to the last one there.
func atTheCut(h hit, other list) bool {
	return len(other.hits) >= reach && sameDetails(h.details, other.hits[len(other.hits)-1].details)
}
