package judge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// Judge compares one engine and a cluster that hold the same documents.
type Judge struct {
	Single  Server
	Cluster Server
	Corpora []*corpus.Corpus
	// Unserved are the kinds of requests that the gateway may answer with 501.
	Unserved map[query.Kind]bool
	Real     bool // the engine is a Meilisearch of the version whose words the gateway speaks

	dictionaries map[string]*dictionary
}

func (j *Judge) corpus(uid string) *corpus.Corpus {
	for _, c := range j.Corpora {
		if c.UID == uid {
			return c
		}
	}
	return j.Corpora[0]
}

// Ask sends a query to both sides.
func (j *Judge) Ask(ctx context.Context, q query.Query) (Pair, error) {
	p := Pair{Query: q}
	var err error
	if p.Single, err = j.Single.Ask(ctx, q); err != nil {
		return p, err
	}
	p.Cluster, err = j.Cluster.Ask(ctx, q)
	return p, err
}

// Compare asks both sides and says what their answers come to.
func (j *Judge) Compare(ctx context.Context, q query.Query) (Verdict, Pair, error) {
	p, err := j.Ask(ctx, q)
	if err != nil {
		return Verdict{}, p, err
	}
	v, err := j.judge(ctx, p)
	return v, p, err
}

func (j *Judge) judge(ctx context.Context, p Pair) (Verdict, error) {
	differing := p.differing()
	if p.Cluster.Status == http.StatusNotImplemented && j.Unserved[p.Query.Kind] {
		return Verdict{Class: Unserved}, nil
	}
	if p.Single.Status == http.StatusInternalServerError && strings.Contains(string(p.Single.Raw), "panicked") && p.Cluster.Status == http.StatusServiceUnavailable {
		return verdict(Panics, "%.300s", p.Single.Raw), nil
	}
	if p.Single.Status != p.Cluster.Status {
		return different("status %d, the engine's is %d: %.300s", p.Cluster.Status, p.Single.Status, p.Cluster.Raw), nil
	}
	if len(differing) == 0 {
		return j.orderOfFacets(p), nil
	}
	if p.Single.Status != http.StatusOK {
		return j.refusal(p, differing), nil
	}
	switch p.Query.Kind {
	case query.Search, query.Keyed, query.SearchGet, query.Bad, query.Federated, query.Blended, query.Semantic, query.Similar:
		return j.search(ctx, p, differing)
	case query.Multi:
		return j.multi(ctx, p)
	case query.FacetSearch:
		return j.facetSearch(p, differing), nil
	case query.Documents:
		return j.documents(ctx, p, differing)
	}
	return different("%v", differing), nil
}

// volatile are members that say when or how long.
func volatile(key string, object map[string]any) bool {
	return key == "processingTimeMs" || key == "requestUid"
}

// differing lists the members of the body in which the answers differ, ascending.
func (p Pair) differing() []string {
	var list []string
	jsondiff.Comparison{
		Volatile: volatile,
		Report: func(path string, _, _ any) {
			if name := firstPart(path); !slices.Contains(list, name) {
				list = append(list, name)
			}
		},
	}.Values("", p.Single.Body, p.Cluster.Body)
	return list
}

func firstPart(path string) string {
	if path == "" {
		return ""
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			return path[1:i]
		}
	}
	return path[1:]
}

// refusal compares two refusals of the same status.
func (j *Judge) refusal(p Pair, differing []string) Verdict {
	if !j.Real && slices.Equal(differing, []string{"message"}) {
		return Verdict{Class: Wording}
	}
	return different("refused with %.300s, by the engine with %.300s", p.Cluster.Raw, p.Single.Raw)
}

// search explains the difference of two searches member by member; the gravest class is the verdict.
func (j *Judge) search(ctx context.Context, p Pair, differing []string) (Verdict, error) {
	result := Verdict{Class: Equal}
	for _, member := range differing {
		var v Verdict
		var err error
		switch member {
		case "hits":
			v, err = j.hits(ctx, p)
		case "estimatedTotalHits", "totalHits", "totalPages":
			v, err = j.counts(ctx, p)
		case "facetDistribution", "facetStats":
			v, err = j.facets(ctx, p, member)
		case "facetsByIndex":
			v, err = j.facetsByIndex(ctx, p)
		default:
			v = different("member %s", member)
		}
		if err != nil {
			return v, fmt.Errorf("%s: %w", member, err)
		}
		if v.Class == Different {
			return v, nil
		}
		if result.Class == Equal || result.Class == Tie {
			result = v
		}
	}
	return result, nil
}

// multi judges every search of a multi-search by itself.
func (j *Judge) multi(ctx context.Context, p Pair) (Verdict, error) {
	single, errS := p.Single.parts()
	cluster, errC := p.Cluster.parts()
	if err := errors.Join(errS, errC); err != nil {
		return Verdict{}, err
	}
	queries := p.Query.Queries()
	if len(single) != len(queries) || len(cluster) != len(queries) {
		return different("%d results, by the engine %d", len(cluster), len(single)), nil
	}
	result := Verdict{Class: Equal}
	for i, q := range queries {
		one := Pair{Query: q, Single: single[i], Cluster: cluster[i]}
		v, err := j.judge(ctx, one)
		if err != nil || v.Class == Different {
			return v, err
		}
		if result.Class == Equal {
			result = v
		}
	}
	return result, nil
}
