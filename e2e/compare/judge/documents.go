package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// short is the length up to which lists that are not sorted come in the order of writing.
const short = 10_000

// documents explains two unequal lists of documents: those of equal sort values may come in any order, and long lists
// that are not sorted come leg by leg.
func (j *Judge) documents(ctx context.Context, p Pair, differing []string) (Verdict, error) {
	if !slices.Equal(differing, []string{"results"}) {
		return different("%v", differing), nil
	}
	sort, sorted := p.Query.Body["sort"].([]any)
	if !sorted && whole(p.Cluster.member("total")) <= short {
		return different("the order of a short list"), nil
	}
	both, err := j.Ask(ctx, p.Query.Without("offset", "limit", "fields").With(map[string]any{"limit": 100_000}))
	if err != nil {
		return Verdict{}, err
	}
	single, okS := both.Single.member("results").([]any)
	cluster, okC := both.Cluster.member("results").([]any)
	if !okS || !okC || len(single) != len(cluster) {
		return different("the whole lists have %d and %d documents", len(cluster), len(single)), nil
	}
	if !sorted {
		return j.longList(p, single, cluster), nil
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

// longList wants both whole lists to hold the same documents, each once, and the page to be a part of the cluster's.
func (j *Judge) longList(p Pair, single, cluster []any) Verdict {
	key := j.corpus(p.Query.Index).PrimaryKey
	known := make(map[string]any, len(single))
	for _, value := range single {
		document, _ := value.(map[string]any)
		known[jsondiff.Show(document[key])] = value
	}
	for _, value := range cluster {
		document, _ := value.(map[string]any)
		id := jsondiff.Show(document[key])
		if !jsondiff.Same(known[id], value) {
			return different("%s is twice in the list, or another document", id)
		}
		delete(known, id)
	}
	from, to := p.Query.Window()
	part := cluster[min(from, len(cluster)):min(to, len(cluster))]
	page, _ := p.Cluster.member("results").([]any)
	if len(page) != len(part) {
		return different("the page has %d documents, this part of the whole list %d", len(page), len(part))
	}
	for i := range page {
		got, _ := page[i].(map[string]any)
		document, _ := part[i].(map[string]any)
		for name, value := range got {
			if !jsondiff.Same(document[name], value) {
				return different("document %d of the page is no part of the whole list", i)
			}
		}
	}
	return Verdict{Class: LongList}
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
