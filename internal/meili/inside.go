package meili

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
)

// Inside names the query of a multi-search that an error belongs to.
func Inside(query int, e *apierr.Error) *apierr.Error {
	at := *e
	at.Message = "Inside `.queries[" + strconv.Itoa(query) + "]`: " + e.Message
	return &at
}

// insideFacets names the index of facetsByIndex that an error belongs to.
func insideFacets(uid string, e *apierr.Error, note string) *apierr.Error {
	at := *e
	at.Message = "Inside `.federation.facetsByIndex." + uid + "`: " + e.Message + note
	at.Status = http.StatusBadRequest // nothing of it is part of the address
	return &at
}

// InsideUnusedFacets is an error about facets of an index that no query is about.
func InsideUnusedFacets(uid string, e *apierr.Error) *apierr.Error {
	return insideFacets(uid, e, "\n - Note: index `"+uid+"` is not used in queries")
}

// InconsistentFacetOrder refuses to merge a facet whose values two indexes order in different ways. byCount says that the
// second of them orders by count, unused that no query is about it.
func InconsistentFacetOrder(facet, previous, index string, byCount, unused bool) *apierr.Error {
	before, now := "by count", "alphabetically"
	if byCount {
		before, now = now, before
	}
	e := apierr.New(apierr.InvalidMultiSearchFacetOrder, "Inconsistent order for values in facet `%s`: "+
		"index `%s` orders %s, but index `%s` orders %s.\n - Hint: Remove `federation.mergeFacets` or change "+
		"`faceting.sortFacetValuesBy` to be consistent in settings.", facet, previous, before, index, now)
	if unused {
		return InsideUnusedFacets(index, e)
	}
	return insideFacets(index, e, "")
}

// Places of an error that number the queries of a multi-search.
var (
	insideQuery    = regexp.MustCompile("^Inside `\\.queries\\[([0-9]+)\\]`: ")
	insideFacetsOf = regexp.MustCompile("^Inside `\\.federation\\.facetsByIndex\\.[^`]*`: ")
	ruleQueries    = regexp.MustCompile("(quer(?:y|ies) #|`queries\\[)([0-9]+)( and #)?([0-9]+)?")
)

// Renumber rewrites the numbers of queries in a node's error to those of the client, where the node was sent the client's
// queries at the given positions only. It returns the position of the query that the error is about, or a number beyond
// all positions.
func Renumber(e *apierr.Error, positions []int) int {
	client := func(digits string) (int, string) {
		n, err := strconv.Atoi(digits)
		if err != nil || n >= len(positions) {
			return maxWindow, digits
		}
		return positions[n], strconv.Itoa(positions[n])
	}
	if e.Code == apierr.InvalidMultiSearchQueryRankingRules {
		e.Message = ruleQueries.ReplaceAllStringFunc(e.Message, func(s string) string {
			m := ruleQueries.FindStringSubmatch(s)
			_, first := client(m[2])
			if m[3] == "" {
				return m[1] + first + m[4]
			}
			_, second := client(m[4])
			return m[1] + first + m[3] + second
		})
	}
	m := insideQuery.FindStringSubmatch(e.Message)
	if m == nil {
		return maxWindow
	}
	at, text := client(m[1])
	e.Message = "Inside `.queries[" + text + "]`: " + e.Message[len(m[0]):]
	return at
}

// Outside is the error of a query that a client did not send as one of several.
func Outside(e *apierr.Error) *apierr.Error {
	at := *e
	at.Message = insideFacetsOf.ReplaceAllString(insideQuery.ReplaceAllString(e.Message, ""), "")
	return &at
}
