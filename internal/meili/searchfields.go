package meili

import (
	"github.com/miroir-search/miroir/internal/apierr"
)

// check reads a value and keeps nothing but the error.
type check func(v node, p place) *apierr.Error

// searchField is one member of a search body.
type searchField struct {
	name  string
	code  apierr.Code
	check check
}

// searchFieldList are the members of a search body, in the order in which Meilisearch lists them.
var searchFieldList = []searchField{
	{"q", apierr.InvalidSearchQ, orNull(isString)},
	{"offset", apierr.InvalidSearchOffset, isUint},
	{"limit", apierr.InvalidSearchLimit, isUint},
	{"page", apierr.InvalidSearchPage, orNull(isUint)},
	{"hitsPerPage", apierr.InvalidSearchHitsPerPage, orNull(isUint)},
	{"attributesToRetrieve", apierr.InvalidSearchAttributesToRetrieve, orNull(isStrings)},
	{"attributesToCrop", apierr.InvalidSearchAttributesToCrop, orNull(isStrings)},
	{"cropLength", apierr.InvalidSearchCropLength, isUint},
	{"cropMarker", apierr.InvalidSearchCropMarker, isString},
	{"attributesToHighlight", apierr.InvalidSearchAttributesToHighlight, orNull(isStrings)},
	{"highlightPreTag", apierr.InvalidSearchHighlightPreTag, isString},
	{"highlightPostTag", apierr.InvalidSearchHighlightPostTag, isString},
	{"showMatchesPosition", apierr.InvalidSearchShowMatchesPosition, isBoolean},
	{"filter", apierr.InvalidSearchFilter, isAnything},
	{"sort", apierr.InvalidSearchSort, orNull(isStrings)},
	{"distinct", apierr.InvalidSearchDistinct, orNull(isString)},
	{"facets", apierr.InvalidSearchFacets, orNull(isStrings)},
	{"matchingStrategy", apierr.InvalidSearchMatchingStrategy, isOneOf("last", "all", "frequency")},
	{"attributesToSearchOn", apierr.InvalidSearchAttributesToSearchOn, orNull(isStrings)},
	{"rankingScoreThreshold", apierr.InvalidSearchRankingScoreThreshold, orNull(isRatio(thresholdRule))},
	{"locales", apierr.InvalidSearchLocales, orNull(isLocales)},
	{"hybrid", apierr.InvalidSearchHybridQuery, orNull(isHybrid)},
	{"vector", apierr.InvalidSearchVector, orNull(isNumbers)},
	{"retrieveVectors", apierr.InvalidSearchRetrieveVectors, isBoolean},
	{"media", apierr.InvalidSearchMedia, isAnything},
	{"personalize", apierr.InvalidSearchPersonalize, orNull(isPersonalize)},
	{"useNetwork", apierr.InvalidSearchUseNetwork, orNull(isBoolean)},
	{"showRankingScore", apierr.InvalidSearchShowRankingScore, isBoolean},
	{"showRankingScoreDetails", apierr.InvalidSearchShowRankingScoreDetails, isBoolean},
	{"showPerformanceDetails", apierr.InvalidSearchShowPerformanceDetails, isBoolean},
}

var (
	searchFields = fieldNames(searchFieldList)
	searchTable  = fieldTable(searchFieldList)
)

// checked reads the members of an object: each is checked by its rule in the table, and what is good goes to take.
func checked(table map[string]searchField, at place, take func(name string, v node)) func(string, node) *apierr.Error {
	return func(name string, v node) *apierr.Error {
		f := table[name]
		if e := f.check(v, at.key(name, f.code)); e != nil {
			return e
		}
		take(name, v)
		return nil
	}
}

func fieldNames(list []searchField) []string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.name
	}
	return names
}

func fieldTable(list []searchField) map[string]searchField {
	table := make(map[string]searchField, len(list))
	for _, f := range list {
		table[f.name] = f
	}
	return table
}

const (
	thresholdRule = "the value of `rankingScoreThreshold` is invalid, expected a float between `0.0` and `1.0`."
	ratioRule     = "the value of `semanticRatio` is invalid, expected a float between `0.0` and `1.0`."
)

func orNull(c check) check {
	return func(v node, p place) *apierr.Error {
		if v.isNull() {
			return nil
		}
		return c(v, p)
	}
}

func isAnything(node, place) *apierr.Error { return nil }

func isString(v node, p place) *apierr.Error {
	_, e := v.str(p)
	return e
}

func isUint(v node, p place) *apierr.Error {
	_, e := v.uint(p, maxUint)
	return e
}

func isBoolean(v node, p place) *apierr.Error {
	_, e := v.boolean(p)
	return e
}

func isStrings(v node, p place) *apierr.Error {
	_, e := v.strings(p)
	return e
}

func isOneOf(accepted ...string) check {
	return func(v node, p place) *apierr.Error {
		_, e := v.oneOf(p, accepted)
		return e
	}
}

func isLocales(v node, p place) *apierr.Error {
	return v.array(p, func(p place, v node) *apierr.Error {
		_, e := v.oneOf(p, locales)
		return e
	})
}

func isNumbers(v node, p place) *apierr.Error {
	return v.array(p, func(p place, v node) *apierr.Error {
		if c := v[0]; c != '-' && (c < '0' || c > '9') {
			return p.wrongType("a number", v)
		}
		return nil
	})
}

func isRatio(rule string) check {
	return func(v node, p place) *apierr.Error {
		f, e := v.float(p)
		if e == nil && (f > 1 || f < 0) {
			e = p.invalid(rule)
		}
		return e
	}
}

func isHybrid(v node, p place) *apierr.Error {
	given := false
	e := v.object(p, []string{"semanticRatio", "embedder"}, func(name string, v node) *apierr.Error {
		if name == "embedder" {
			given = true
			return isString(v, p.key(name, apierr.InvalidSearchEmbedder))
		}
		return isRatio(ratioRule)(v, p.key(name, apierr.InvalidSearchSemanticRatio))
	})
	if e == nil && !given {
		e = p.missing("embedder")
	}
	return e
}

func isPersonalize(v node, p place) *apierr.Error {
	given := false
	e := v.object(p, []string{"userContext"}, func(name string, v node) *apierr.Error {
		given = true
		return isString(v, p.key(name, apierr.InvalidSearchPersonalizeUserContext))
	})
	if e == nil && !given {
		e = p.missing("userContext")
	}
	return e
}
