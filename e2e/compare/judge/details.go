package judge

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

func sameDetails(x, y map[string]any) bool { return jsondiff.Same(any(x), any(y)) }

// unlike lists where the details of one document differ, as `rule/field`, without the scores that follow from it.
func unlike(x, y map[string]any) []string {
	var list []string
	jsondiff.Comparison{Report: func(path string, _, _ any) {
		list = append(list, strings.TrimPrefix(path, "/"))
	}}.Values("", x, y)
	return list
}

// skew names the class by which the details of one document may differ between a whole index and a part of it.
func (j *Judge) skew(q query.Query, x, y map[string]any) (Class, bool) {
	d := j.dictionary(q.Index)
	words, open := typed(q)
	class := Equal
	worse := func(c Class) {
		if class == Equal || class == NGrams {
			class = c
		}
	}
	paths := unlike(x, y)
	for _, path := range paths {
		rule, field, _ := strings.Cut(path, "/")
		switch {
		case rule == "_federation" && field == "weightedRankingScore" && len(paths) > 1:
			// follows from the others
		case rule == "skipped":
			worse(Cutoff)
		case strings.HasPrefix(rule, "_geoPoint") && withinAMetre(x[rule], y[rule]):
			worse(GeoMetre)
		case rule == "typo" && (field == "maxTypoCount" || field == "score" && slices.Contains(paths, "typo/maxTypoCount")) && d.joins(words):
			worse(NGrams)
		case rule == "proximity" && len(words) > 1 && d.prepares(words[len(words)-1]):
			worse(Prefixes)
		case rule == "proximity" && d.joins(words):
			worse(NGrams)
		case rule == "exactness" && (open || count(x["typo"], "typoCount") > 0 || d.joins(words)):
			worse(Exactness)
		default:
			return Different, false
		}
	}
	return class, class != Equal
}

// withinAMetre says whether two details of a rule by distance differ by no more than what an engine takes together.
func withinAMetre(x, y any) bool {
	return math.Abs(distance(x)-distance(y)) <= 1
}

// count is a count in a detail, 0 where there is none.
func count(rule any, field string) int64 {
	object, _ := rule.(map[string]any)
	return max(whole(object[field]), 0)
}

func distance(rule any) float64 {
	object, _ := rule.(map[string]any)
	number, ok := object["distance"].(json.Number)
	if !ok {
		return math.Inf(1)
	}
	metres, err := number.Float64()
	if err != nil {
		return math.Inf(1)
	}
	return metres
}
