package meili

import (
	"cmp"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// indexKeyType is the name by which Meilisearch calls what a key of facetsByIndex must be.
const indexKeyType = "meilisearch_types::index_uid::IndexUid"

// facetsByIndex reads the object of facets, an entry per index.
func (v node) facetsByIndex(at place) ([]IndexFacets, *apierr.Error) {
	if v[0] != '{' {
		return nil, at.wrongType("an object", v)
	}
	var list []IndexFacets
	for _, m := range v.members() {
		if !ValidIndexUID(m.name) {
			return nil, at.invalid("the key \"" + m.name + "\" could not be deserialized into the key type `" + indexKeyType + "`")
		}
		f := IndexFacets{IndexUID: m.name}
		if !m.value.isNull() {
			var e *apierr.Error
			if f.Patterns, e = m.value.strings(at.key(m.name, "")); e != nil {
				return nil, e
			}
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b IndexFacets) int { return cmp.Compare(a.IndexUID, b.IndexUID) })
	return list, nil
}

// mergeFacets reads the mergeFacets object; the bound is nil when not given.
func (v node) mergeFacets(at place) (*int, *apierr.Error) {
	var most *int
	e := v.object(at, []string{"maxValuesPerFacet"}, func(name string, v node) *apierr.Error {
		e := orNull(isUint)(v, at.key(name, apierr.InvalidMultiSearchMaxValuesPerFacet))
		if e == nil && !v.isNull() {
			n := v.count()
			most = &n
		}
		return e
	})
	return most, e
}

// Facets are the patterns asked for of an index; ok is false where the federation does not name it.
func (f *Federation) Facets(index string) (patterns []string, ok bool) {
	at, ok := slices.BinarySearchFunc(f.FacetsByIndex, index, func(x IndexFacets, uid string) int {
		return strings.Compare(x.IndexUID, uid)
	})
	if !ok {
		return nil, false
	}
	return f.FacetsByIndex[at].Patterns, true
}

// CheckFederated refuses a query that can not be part of a federation, by the first rule it breaks.
func (q *MultiQuery) CheckFederated(f *Federation) *apierr.Error {
	for _, name := range []string{"offset", "limit", "page", "hitsPerPage"} {
		if q.Has(name) {
			return apierr.New(apierr.InvalidMultiSearchQueryPagination, "Using pagination options is not allowed in federated queries.\n"+
				" - Hint: remove `%s` from the query or remove `federation` from the request\n"+
				" - Hint: pass `federation.limit` and `federation.offset` for pagination in federated search", name)
		}
	}
	if q.Distinct == nodeapi.NoDistinct || f.Distinct != nil && *f.Distinct == nodeapi.NoDistinct {
		return reservedRefused(nodeapi.NoDistinct)
	}
	remote := q.Options != nil && q.Options.Remote != nil
	switch {
	case len(q.Facets) > 0:
		return apierr.New(apierr.InvalidMultiSearchQueryFacets, "Using facet options is not allowed in federated queries.\n"+
			" - Hint: remove `facets` from the query or remove `federation` from the request\n"+
			" - Hint: pass `federation.facetsByIndex.%s: %s` for facets in federated search", q.IndexUID, debugList(q.Facets))
	case q.Has("personalize"):
		return apierr.New(apierr.InvalidMultiSearchQueryPersonalization, "%s",
			"Using `.personalize` is not allowed in federated queries.\n"+
				" - Hint: remove `personalize` from the query or remove `federation` from the request\n"+
				" - Hint: pass `federation.personalize` for personalization in federated search")
	case remote && q.useNetwork:
		return apierr.New(apierr.InvalidMultiSearchFederationOptions, "%s",
			"Using `.useNetwork` is not allowed as the same time as `.federationOptions.remote`.\n"+
				"  - Hint: to perform an explicit query against a remote, remove `.useNetwork`.\n"+
				"  - Hint: to automatically perform queries against the entire network, remove `.federationOptions.remote`.")
	case q.Has("showPerformanceDetails"):
		return apierr.New(apierr.InvalidMultiSearchQueryShowPerformanceDetails, "%s",
			"Using `.showPerformanceDetails` is not allowed in federated queries.\n"+
				" - Hint: remove `showPerformanceDetails` from the query or remove `federation` from the request")
	case q.Has("distinct") && f.Distinct != nil:
		return apierr.New(apierr.InvalidMultiSearchDistinct, "%s",
			"Using `distinct` options is not allowed in federated queries when it also appears in `.federation.distinct`.\n"+
				" - Hint: remove `distinct` from the query or remove `federation` from the request\n"+
				"  - Note: `distinct` at the query level is discouraged in federated search.")
	case q.Has("useNetwork"):
		return useNetworkRefused()
	case remote:
		return FeatureNotEnabled("Performing a remote federated search", "network", networkDiscussion)
	case q.Options != nil && q.Options.Position:
		return FeatureNotEnabled("Using `federationOptions.queryPosition`", "network", networkDiscussion)
	}
	return nil
}

// CheckPlain refuses options of a federation in a query that is answered on its own.
func (q *MultiQuery) CheckPlain() *apierr.Error {
	if q.Options == nil {
		return nil
	}
	return apierr.New(apierr.InvalidMultiSearchFederationOptions, "%s",
		"Using `federationOptions` is not allowed in a non-federated search.\n"+
			" - Hint: remove `federationOptions` from the query or add `federation` to the request.")
}

// debugList writes a list of strings as Meilisearch quotes lists in errors.
func debugList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = QuoteDebug(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
