package judge

import (
	"context"
	"encoding/json"

	"github.com/miroir-search/miroir/e2e/compare/query"
)

// slightly is more than the rounding of a similarity and less than any two of them differ by.
const slightly = 1e-6

// nearest says whether both sides only found other vectors: an engine looks for the nearest ones approximately, and
// smaller engines miss fewer. The cluster's hit of every rank must be as near as the engine's, or nearer; with the
// project's own engine, which misses many everywhere, it is enough that both lists are in order. How near one document
// is must be the same on both sides.
func (j *Judge) nearest(ctx context.Context, p Pair) (bool, error) {
	if p.Query.Kind != query.Semantic && p.Query.Kind != query.Similar {
		return false, nil
	}
	both, err := j.Ask(ctx, j.detailed(p.Query))
	if err != nil {
		return false, err
	}
	single, near := j.weights(p.Query, both.Single)
	cluster, alike := j.weights(p.Query, both.Cluster)
	if j.Real && (len(single) != len(cluster) || both.Single.total() != both.Cluster.total()) {
		return false, nil
	}
	for id, details := range near {
		if other, both := alike[id]; both && !sameDetails(details, other) {
			return false, nil
		}
	}
	for i := range cluster {
		if j.Real && cluster[i] < single[i]-slightly || i > 0 && cluster[i] > cluster[i-1]+slightly {
			return false, nil
		}
	}
	return true, nil
}

// weights are what hits of a hybrid search are ordered by: similarity or score, times the share of its half. With them
// come the details by document.
func (j *Judge) weights(q query.Query, a Answer) (list []float64, byID map[string]map[string]any) {
	ratio := 0.5
	hybrid, _ := q.Body["hybrid"].(map[string]any)
	switch given := hybrid["semanticRatio"].(type) {
	case float64:
		ratio = given
	case int:
		ratio = float64(given)
	}
	if q.Kind == query.Similar {
		ratio = 1
	}
	hits, _ := a.member("hits").([]any)
	byID = map[string]map[string]any{}
	for _, value := range hits {
		body, _ := value.(map[string]any)
		h := j.hitOf(q, body)
		byID[h.id] = h.details
		if vector, ok := h.details["vectorSort"].(map[string]any); ok {
			list = append(list, ratio*float(vector["similarity"]))
		} else {
			list = append(list, (1-ratio)*float(h.score))
		}
	}
	return list, byID
}

func float(value any) float64 {
	number, ok := value.(json.Number)
	if !ok {
		return 0
	}
	f, err := number.Float64()
	if err != nil {
		return 0
	}
	return f
}
