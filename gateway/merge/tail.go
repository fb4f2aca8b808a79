package merge

import "github.com/miroir-search/miroir/internal/nodeapi"

// tail is what stands behind the hits of a leg's answer, as raw values (nil: absent).
type tail struct {
	queryVector  []byte
	queryVectors []byte
	millis       int64
	total        int64
	distribution []byte
	stats        []byte
	byIndex      []byte
	semantic     int64 // -1: absent
	performance  []byte
	degraded     bool
}

// readTail reads the members behind the hits, from the end of the body.
func readTail(body []byte) (t tail, err error) {
	t.semantic = -1
	valid, counted := true, false
	ok := lastMembers(body, endsHits(body), func(key, value []byte) bool {
		switch string(key) {
		case "queryVector":
			t.queryVector = value
		case "queryVectors":
			t.queryVectors = value
		case "processingTimeMs":
			t.millis, valid = parseInt(value)
		case "estimatedTotalHits", "totalHits":
			t.total, valid = parseInt(value)
			counted = true
		case "facetDistribution":
			t.distribution = value
		case "facetStats":
			t.stats = value
		case "facetsByIndex":
			t.byIndex = value
		case "semanticHitCount":
			if t.semantic, valid = parseInt(value); !valid {
				t.semantic, valid = -1, string(value) == "null"
			}
		case "performanceDetails":
			t.performance = value
		case "degraded":
			t.degraded = string(value) == "true"
		}
		return valid
	})
	if !ok || !valid || !counted {
		return tail{}, ErrAnswer
	}
	return t, nil
}

// endsHits recognises the end of a list of hits by the member the engine writes behind it, so that a walk from the end
// does not run through the hits. An answer of another shape is only walked further than needed.
func endsHits(body []byte) func(end int, follower []byte) bool {
	return func(end int, follower []byte) bool {
		if end < 3 || body[end-1] != ']' || body[end-2] != '}' && (body[end-2] != nodeapi.MarkLine || body[end-3] != '}') {
			return false
		}
		switch string(follower) {
		case "query", "queryVectors", "processingTimeMs", "id":
			return true
		}
		return false
	}
}
