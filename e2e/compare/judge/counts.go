package judge

import (
	"context"

	"github.com/miroir-search/miroir/e2e/compare/query"
)

// counts explains unequal numbers of matching documents.
func (j *Judge) counts(ctx context.Context, p Pair) (Verdict, error) {
	q, single, cluster := p.Query, p.Single.total(), p.Cluster.total()
	switch {
	case q.Has("distinct") && q.Has("rankingScoreThreshold") && !j.Real:
		return verdict(Threshold, "%d, the engine counts %d", cluster, single), nil // the older engine does not look at all hits
	case q.Has("distinct"):
		// Each leg counts a value once; a value that several legs have is counted several times. Without exhaustive
		// counting even one engine's number depends on how far it went.
		if cluster >= single || !q.Exhaustive() {
			return verdict(Distinct, "%d, the engine counts %d", cluster, single), nil
		}
	case q.Has("rankingScoreThreshold"):
		if sound, err := j.beforeTheThreshold(ctx, q, cluster); err != nil || sound {
			return verdict(Threshold, "%d, the engine counts %d", cluster, single), err
		}
	}
	if class, ok := j.corpusBound(ctx, q); ok && (cluster >= single || class == Frequency) {
		return verdict(class, "%d, the engine counts %d", cluster, single), nil
	}
	return different("%d documents match, by the engine %d", cluster, single), nil
}

// beforeTheThreshold says whether a difference comes from how far the engine went: it takes away only what it looked at
// and found below the threshold, which hits before the page are not. Asked for all hits on one page it looks at all, and
// then its number is the cluster's; an estimate of a limited search may be any number.
func (j *Judge) beforeTheThreshold(ctx context.Context, q query.Query, cluster int64) (bool, error) {
	if !q.Exhaustive() {
		return true, nil
	}
	all, err := j.Single.Ask(ctx, q.Without("facets").With(map[string]any{"page": 1, "hitsPerPage": reach}))
	return err == nil && all.total() == cluster, err
}

// corpusBound names the reason for which a query may match other documents in a part of the index than in the whole of it.
func (j *Judge) corpusBound(ctx context.Context, q query.Query) (Class, bool) {
	if j.byFrequency(ctx, q) {
		return Frequency, true
	}
	return j.derived(q)
}

// byFrequency says whether a difference comes from words being dropped by their local frequency: with another strategy
// both sides find the same number.
func (j *Judge) byFrequency(ctx context.Context, q query.Query) bool {
	if q.Text("matchingStrategy") != "frequency" {
		return false
	}
	for _, strategy := range []string{"last", "all"} {
		p, err := j.Ask(ctx, q.With(map[string]any{"matchingStrategy": strategy}))
		if err != nil || p.Single.total() != p.Cluster.total() {
			return false
		}
	}
	return true
}
