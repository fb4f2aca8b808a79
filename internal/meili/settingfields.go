package meili

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// setting is one setting of an index.
type setting struct {
	name  string
	code  apierr.Code
	read  reader
	reset string // how a reset shows in task details
	// experimental settings are hidden from GET of all settings while their feature is off, and can only be reset then.
	feature      string
	experimental *apierr.Error
}

// settingList are the settings in Meilisearch's order.
var settingList = []setting{
	{name: "displayedAttributes", code: apierr.InvalidSettingsDisplayedAttributes, read: canonStrings, reset: `["*"]`},
	{name: "searchableAttributes", code: apierr.InvalidSettingsSearchableAttributes, read: canonStrings, reset: `["*"]`},
	{name: "filterableAttributes", code: apierr.InvalidSettingsFilterableAttributes, read: canonList(canonFilterable)},
	{name: "sortableAttributes", code: apierr.InvalidSettingsSortableAttributes, read: canonSet},
	{
		name: "foreignKeys", code: apierr.InvalidSettingsForeignKeys, read: canonList(canonForeignKey), feature: "foreignKeys",
		experimental: FeatureNotEnabled("setting `foreignKeys` in the index settings", "foreign_keys", 873),
	},
	{name: "rankingRules", code: apierr.InvalidSettingsRankingRules, read: canonRankingRules},
	{name: "stopWords", code: apierr.InvalidSettingsStopWords, read: canonSet},
	{name: "nonSeparatorTokens", code: apierr.InvalidSettingsNonSeparatorTokens, read: canonSet},
	{name: "separatorTokens", code: apierr.InvalidSettingsSeparatorTokens, read: canonSet},
	{name: "dictionary", code: apierr.InvalidSettingsDictionary, read: canonSet},
	{name: "synonyms", code: apierr.InvalidSettingsSynonyms, read: canonMap(canonStrings)},
	{name: "distinctAttribute", code: apierr.InvalidSettingsDistinctAttribute, read: canonString},
	{name: "proximityPrecision", code: apierr.InvalidSettingsProximityPrecision, read: canonOneOf("byWord", "byAttribute")},
	{name: "typoTolerance", code: apierr.InvalidSettingsTypoTolerance, read: canonTypoTolerance},
	{name: "faceting", code: apierr.InvalidSettingsFaceting, read: canonFaceting},
	{name: "pagination", code: apierr.InvalidSettingsPagination, read: canonPagination},
	{name: "embedders", code: apierr.InvalidSettingsEmbedders, read: canonMap(canonNullable(canonEmbedder))},
	{name: "searchCutoffMs", code: apierr.InvalidSettingsSearchCutoffMs, read: canonUint(maxUint)},
	{name: "localizedAttributes", code: apierr.InvalidSettingsLocalizedAttributes, read: canonList(canonLocalized)},
	{name: "facetSearch", code: apierr.InvalidSettingsFacetSearch, read: canonBool},
	{name: "prefixSearch", code: apierr.InvalidSettingsPrefixSearch, read: canonOneOf("indexingTime", "disabled")},
	{
		name: "chat", code: apierr.InvalidSettingsIndexChat, read: canonChat, feature: "chatCompletions",
		experimental: FeatureNotEnabled("setting `chat` in the index settings", "chat completions", 835),
	},
}

var settingNames = func() []string {
	names := make([]string, len(settingList))
	for i, s := range settingList {
		names[i] = s.name
	}
	return names
}()

func canonFilterable(v node, p place) ([]byte, *apierr.Error) {
	if v[0] != '{' {
		return canonString(v, p)
	}
	out, e := canonFilterableRule(v, p)
	if e != nil {
		return nil, e
	}
	// What was not given shows with its default.
	rule := node(out).members()
	features := get(rule, "features")
	search, equality, comparison := node("false"), node("true"), node("false")
	if features != nil {
		list := features.members()
		search = firstOf(get(list, "facetSearch"), search)
		if filter := get(list, "filter"); filter != nil {
			equality = firstOf(get(filter.members(), "equality"), equality)
			comparison = firstOf(get(filter.members(), "comparison"), comparison)
		}
	}
	return slices.Concat([]byte(`{"attributePatterns":`), get(rule, "attributePatterns"), []byte(`,"features":{"facetSearch":`), search,
		[]byte(`,"filter":{"equality":`), equality, []byte(`,"comparison":`), comparison, []byte(`}}}`)), nil
}

func firstOf(a, b node) node {
	if a != nil {
		return a
	}
	return b
}

var canonFilterableRule = canonObject([]canonField{
	{name: "attributePatterns", read: canonStrings, required: true},
	{name: "features", read: canonObject([]canonField{
		{name: "facetSearch", read: canonBool},
		{name: "filter", read: canonObject([]canonField{
			{name: "equality", read: canonBool}, {name: "comparison", read: canonBool},
		}, nil)},
	}, nil)},
}, nil)

var canonForeignKey = canonObject([]canonField{
	{name: "foreignIndexUid", read: canonString, required: true}, {name: "fieldName", read: canonString, required: true},
}, nil)

var canonChat = canonObject([]canonField{
	{name: "description", read: canonNullable(canonString)},
	{name: "documentTemplate", read: canonNullable(canonString)},
	{name: "documentTemplateMaxBytes", read: canonNullable(canonUint(maxUint))},
	{name: "searchParameters", read: canonNullable(canonObject(chatSearch, nil))},
}, nil)

// chatSearch are the parameters of the searches that a chat makes.
var chatSearch = []canonField{
	{name: "hybrid", read: canonNullable(canonHybrid)},
	{name: "limit", read: canonNullable(canonUint(maxUint))},
	{name: "sort", read: canonNullable(canonStrings)},
	{name: "distinct", read: canonNullable(canonString)},
	{name: "matchingStrategy", read: canonNullable(canonOneOf("last", "all", "frequency"))},
	{name: "attributesToSearchOn", read: canonNullable(canonStrings)},
	{name: "rankingScoreThreshold", read: canonNullable(canonRatio(thresholdRule))},
}

// canonRatio copies a number between 0 and 1.
func canonRatio(rule string) reader {
	return func(v node, p place) ([]byte, *apierr.Error) {
		b, e := canonFloat32(v, p)
		if e == nil {
			e = isRatio(rule)(v, p)
		}
		return b, e
	}
}

// canonHybrid shows the ratio that was not given, too.
func canonHybrid(v node, p place) ([]byte, *apierr.Error) {
	b, e := canonHybridGiven(v, p)
	if e == nil && get(node(b).members(), "semanticRatio") == nil {
		b = slices.Concat([]byte(`{"semanticRatio":0.5,`), b[1:])
	}
	return b, e
}

var canonHybridGiven = canonObject([]canonField{
	{name: "semanticRatio", read: canonRatio(ratioRule)}, {name: "embedder", read: canonString, required: true},
}, nil)
var canonLocalized = canonObject([]canonField{
	{name: "attributePatterns", read: canonStrings, required: true},
	{name: "locales", read: canonList(canonOneOf(locales...)), required: true},
}, nil)

var canonTypoTolerance = canonObject([]canonField{
	{name: "enabled", read: canonNullable(canonBool)},
	{name: "minWordSizeForTypos", read: canonNullable(canonObject([]canonField{
		{name: "oneTypo", read: canonNullable(canonUint(math.MaxUint8))},
		{name: "twoTypos", read: canonNullable(canonUint(math.MaxUint8))},
	}, orderedTypos))},
	{name: "disableOnWords", read: canonNullable(canonSet)},
	{name: "disableOnAttributes", read: canonNullable(canonSet)},
	{name: "disableOnNumbers", read: canonNullable(canonBool)},
}, nil)

// orderedTypos refuses word sizes that allow two typos in shorter words than one.
func orderedTypos(list []member, p place) *apierr.Error {
	one, err1 := strconv.Atoi(string(get(list, "oneTypo")))
	two, err2 := strconv.Atoi(string(get(list, "twoTypos")))
	if err1 != nil || err2 != nil || one <= two {
		return nil
	}
	return p.invalid(typoSizes(one, two))
}

func typoSizes(one, two int) string {
	return "`minWordSizeForTypos` setting is invalid. `oneTypo` and `twoTypos` fields should be between `0` and `255`, and `twoTypos` " +
		"should be greater or equals to `oneTypo` but found `oneTypo: " + strconv.Itoa(one) + "` and twoTypos: " + strconv.Itoa(two) + "`."
}

var canonFaceting = canonObject([]canonField{
	{name: "maxValuesPerFacet", read: canonNullable(canonUint(maxUint))},
	{name: "sortFacetValuesBy", read: canonNullable(canonMap(canonOneOf("alpha", "count")))},
}, nil)

var canonPagination = canonObject([]canonField{{name: "maxTotalHits", read: canonNullable(canonNonZero)}}, nil)

// builtinRules are the ranking rules that sort by no field.
var builtinRules = []string{"words", "typo", "proximity", "attribute", "attributeRank", "wordPosition", "sort", "exactness"}

func canonRankingRules(v node, p place) ([]byte, *apierr.Error) {
	return canonList(func(v node, p place) ([]byte, *apierr.Error) {
		rule, e := v.str(p)
		if e == nil {
			if reason := badRankingRule(rule); reason != "" {
				e = p.invalid(reason)
			}
		}
		return rawjson.AppendQuoted(nil, rule), e
	})(v, p)
}

// badRankingRule says why a rule is none; it is empty for a good one.
func badRankingRule(rule string) string {
	if slices.Contains(builtinRules, rule) {
		return ""
	}
	field, ok := strings.CutSuffix(rule, ":asc")
	if !ok {
		field, ok = strings.CutSuffix(rule, ":desc")
	}
	reserved := func(name, rest string) string {
		return "`" + name + "` is a reserved keyword and thus can't be used as a ranking rule" + rest
	}
	switch {
	case !ok:
		return "`" + rule + "` ranking rule is invalid. Valid ranking rules are words, typo, sort, proximity, attribute, exactness and " +
			"custom ranking rules."
	case field == "_geoPoint" || strings.HasPrefix(field, "_geoPoint(") && strings.HasSuffix(field, ")"):
		return reserved("_geoPoint", ". `_geoPoint` can only be used for sorting at search time")
	case field == "_geoRadius" || strings.HasPrefix(field, "_geoRadius("):
		return reserved("_geoRadius", ". `_geoRadius` can only be used for filtering at search time")
	case field == "_geoBoundingBox" || strings.HasPrefix(field, "_geoBoundingBox("):
		return reserved("_geoBoundingBox", ". `_geoBoundingBox` can only be used for filtering at search time")
	case slices.Contains([]string{"_geo", "_geojson", "_geoDistance", "_geoPolygon"}, field), strings.HasPrefix(field, "_geo("),
		strings.HasPrefix(field, "_geoDistance("):
		return reserved(field, "")
	}
	return ""
}

// mixedRules refuses the rule `attribute` beside the two rules that replace it.
func mixedRules(rules []string) *apierr.Error {
	split := slices.Contains(rules, "attributeRank") || slices.Contains(rules, "wordPosition")
	if !split || !slices.Contains(rules, "attribute") {
		return nil
	}
	return apierr.New(apierr.InvalidSettingsRankingRules, "%s", "Mixed usage of the attribute, attributeRank, and wordPosition ranking "+
		"rules. You must either use the attribute ranking rule alone or the attributeRank and wordPosition ranking rules.")
}
