package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// documents explains two unequal lists of documents: those of equal sort values may come in any order.
func (j *Judge) documents(ctx context.Context, p Pair, differing []string) (Verdict, error) {
	sort, sorted := p.Query.Body["sort"].([]any)
	if !sorted || !slices.Equal(differing, []string{"results"}) {
		return different("%v", differing), nil
	}
	both, err := j.Ask(ctx, p.Query.Without("offset", "limit", "fields").With(map[string]any{"limit": 100_000}))
	if err != nil {
		return Verdict{}, err
	}
	single, okS := both.Single.member("results").([]any)
	cluster, okC := both.Cluster.member("results").([]any)
	if int64(len(single)) < whole(both.Single.member("total")) && len(cluster) >= len(single) {
		return verdict(Lost, "%d documents, the engine lists %d of its %d", len(cluster), len(single), whole(both.Single.member("total"))), nil
	}
	if !okS || !okC || len(single) != len(cluster) {
		return different("the whole lists have %d and %d documents", len(cluster), len(single)), nil
	}
	_, to := p.Query.Window()
	for r := range min(to, len(single)) {
		for _, by := range sort {
			text, _ := by.(string)
			field := text[:max(strings.LastIndexByte(text, ':'), 0)]
			if s, c := sortValue(single[r], field), sortValue(cluster[r], field); s != c {
				return different("rank %d has %s %s, by the engine %s", r, field, c, s), nil
			}
		}
	}
	return Verdict{Class: Tie}, nil
}

// sortValue is what a document is sorted by, as text; for a place its coordinates.
func sortValue(document any, field string) string {
	object, _ := document.(map[string]any)
	if strings.HasPrefix(field, "_geoPoint") {
		field = "_geo"
	}
	if text, ok := object[field].(string); ok {
		return strings.ToLower(text)
	}
	return jsondiff.Show(object[field])
}

func verdict(class Class, format string, args ...any) Verdict {
	return Verdict{Class: class, Why: fmt.Sprintf(format, args...)}
}
