package meili

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// searchParameters are the names of the GET form, in the order in which Meilisearch lists them.
var searchParameters = []string{
	"q", "offset", "limit", "page", "hitsPerPage", "attributesToRetrieve", "attributesToCrop", "cropLength", "cropMarker",
	"attributesToHighlight", "highlightPreTag", "highlightPostTag", "showMatchesPosition", "filter", "sort", "distinct",
	"facets", "matchingStrategy", "attributesToSearchOn", "rankingScoreThreshold", "locales", "hybridEmbedder",
	"hybridSemanticRatio", "vector", "retrieveVectors", "personalizeUserContext", "useNetwork", "showRankingScore",
	"showRankingScoreDetails", "showPerformanceDetails",
}

// ParseSearchParameters reads the query string of GET search into the same query as the POST form.
func ParseSearchParameters(query string) (*SearchQuery, *apierr.Error) {
	q := newSearchQuery()
	var embedder *string
	var ratio node
	e := readQuery(query, searchParameters, func(p parameter) *apierr.Error {
		name, v, e := p.searchValue()
		switch {
		case e != nil:
			return e
		case name == "hybridEmbedder":
			embedder = &p.value
		case name == "hybridSemanticRatio":
			ratio = v
		default:
			q.take(name, v)
		}
		return nil
	})
	switch {
	case e != nil:
		return nil, e
	case embedder == nil && ratio != nil:
		return nil, apierr.New(apierr.InvalidSearchHybridQuery, "%s", "`hybridEmbedder` is mandatory when `hybridSemanticRatio` is present")
	case embedder == nil && q.Vector != nil:
		return nil, apierr.New(apierr.MissingSearchHybrid, "%s", "`hybridEmbedder` is mandatory when `vector` is present")
	case embedder != nil:
		v := rawjson.AppendQuoted([]byte(`{"embedder":`), *embedder)
		if ratio != nil {
			v = append(append(v, `,"semanticRatio":`...), ratio...)
		}
		q.take("hybrid", append(v, '}'))
	}
	return q, q.Acceptable()
}

// searchValue turns a parameter into the member of a search body that it stands for.
func (p parameter) searchValue() (name string, v node, e *apierr.Error) {
	code := searchTable[p.name].code
	at := p.place(code)
	text := func() node { return rawjson.AppendQuoted(nil, p.value) }
	switch p.name {
	case "offset", "limit", "page", "hitsPerPage", "cropLength":
		n, e := p.uint(code, 64)
		return p.name, strconv.AppendUint(nil, n, 10), e
	case "showMatchesPosition", "retrieveVectors", "useNetwork", "showRankingScore", "showRankingScoreDetails", "showPerformanceDetails":
		b, e := p.boolean(code)
		return p.name, strconv.AppendBool(nil, b), e
	case "attributesToRetrieve", "attributesToCrop", "attributesToHighlight", "facets", "attributesToSearchOn":
		return p.name, appendStrings(nil, p.words()), nil
	case "locales":
		for _, l := range p.words() {
			if !slices.Contains(locales, l) {
				return "", nil, at.invalid(unsupportedLocale(l))
			}
		}
		return p.name, appendStrings(nil, p.words()), nil
	case "sort":
		return p.name, appendStrings(nil, splitSort(p.value)), nil
	case "filter":
		return p.name, jsonOrText(p.value), nil
	case "matchingStrategy":
		v = text()
		return p.name, v, searchTable[p.name].check(v, at)
	case "rankingScoreThreshold":
		v, e = ratio(at, p.value, thresholdRule)
		return p.name, v, e
	case "hybridSemanticRatio":
		at.code = apierr.InvalidSearchSemanticRatio
		v, e = ratio(at, p.value, ratioRule)
		return p.name, v, e
	case "vector":
		v, e = p.numbers(at)
		return p.name, v, e
	case "personalizeUserContext":
		return "personalize", append(rawjson.AppendQuoted([]byte(`{"userContext":`), p.value), '}'), nil
	}
	return p.name, text(), nil
}

// words splits a comma-separated value, leaving out what is empty.
func (p parameter) words() []string {
	return slices.DeleteFunc(strings.Split(p.value, ","), func(s string) bool { return s == "" })
}

// ratio reads a number between 0 and 1. Numbers and other texts are refused alike.
func ratio(at place, s, rule string) (node, *apierr.Error) {
	f, reason := ParseFloat(s, 64)
	if reason != "" || f > 1 || f < 0 {
		return nil, at.invalid(rule)
	}
	return appendFloat(nil, f), nil
}

func (p parameter) numbers(at place) (node, *apierr.Error) {
	v := []byte{'['}
	for i, s := range p.words() {
		f, reason := ParseFloat(s, 32)
		if reason != "" {
			return nil, at.invalid(reason)
		}
		if i > 0 {
			v = append(v, ',')
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, at.invalid("invalid float literal") // JSON has no word for it
		}
		v = strconv.AppendFloat(v, f, 'g', -1, 32)
	}
	return append(v, ']'), nil
}

// ParseFloat reads a number as Meilisearch reads numbers in texts that are not JSON; reason says in its words why it is
// none.
func ParseFloat(s string, bits int) (f float64, reason string) {
	if s == "" {
		return 0, "cannot parse float from empty string"
	}
	f, err := strconv.ParseFloat(s, bits)
	if strings.ContainsAny(s, "xX_pP") || err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, "invalid float literal"
	}
	return f, ""
}

// jsonOrText is a parameter that holds a JSON text, or else the parameter as a JSON string.
func jsonOrText(s string) node {
	if CheckJSON([]byte(s)) == nil {
		return trimmed([]byte(s))
	}
	return rawjson.AppendQuoted(nil, s)
}

// splitSort splits a list of sort expressions, of which a _geoPoint holds commas of its own.
func splitSort(s string) []string {
	var out []string
	open := false
	for part := range strings.SplitSeq(strings.Trim(s, `"`), ",") {
		part = strings.TrimSpace(part)
		switch {
		case strings.HasPrefix(part, "_geoPoint("):
			out = append(out, part)
			open = true
		case open && len(out) > 0:
			out[len(out)-1] += "," + part
			open = !strings.HasSuffix(part, "):desc") && !strings.HasSuffix(part, "):asc")
		default:
			out = append(out, part)
			open = false
		}
	}
	return out
}
