package meili

import (
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Dialect is what engines of different versions do differently.
type Dialect int

// Dialects. Split is an engine that ranks by attribute and by position with two rules (1.38 and newer), Unified an older
// one that has the one rule `attribute`.
const (
	Split Dialect = iota
	Unified
)

// rankingRules are the rules of an index that nobody set any for.
func (d Dialect) rankingRules() string {
	if d == Unified {
		return `["words","typo","proximity","attribute","sort","exactness"]`
	}
	return `["words","typo","proximity","attributeRank","sort","wordPosition","exactness"]`
}

// Defaults of the settings that hold settings of their own.
const (
	defaultTypoTolerance = `{"enabled":true,"minWordSizeForTypos":{"oneTypo":5,"twoTypos":9},"disableOnWords":[],` +
		`"disableOnAttributes":[],"disableOnNumbers":false}`
	defaultFaceting   = `{"maxValuesPerFacet":100,"sortFacetValuesBy":{"*":"alpha"}}`
	defaultPagination = `{"maxTotalHits":1000}`
)

// defaultOf is the value of a setting that nobody set; empty for settings that are not shown.
func (d Dialect) defaultOf(name string) string {
	switch name {
	case "displayedAttributes", "searchableAttributes":
		return `["*"]`
	case "rankingRules":
		return d.rankingRules()
	case "synonyms", "embedders":
		return `{}`
	case "distinctAttribute", "searchCutoffMs", "localizedAttributes":
		return `null`
	case "proximityPrecision":
		return `"byWord"`
	case "typoTolerance":
		return defaultTypoTolerance
	case "faceting":
		return defaultFaceting
	case "pagination":
		return defaultPagination
	case "facetSearch":
		return `true`
	case "prefixSearch":
		return `"indexingTime"`
	case "foreignKeys", "chat":
		return ``
	}
	return `[]`
}

// Settings are all settings of an index in the form in which GET shows them, secrets unmasked.
type Settings struct {
	dialect Dialect
	values  []node // in the order of settingList; nil for settings that are not shown
}

// DefaultSettings are those of a new index.
func DefaultSettings(d Dialect) Settings {
	s := Settings{d, make([]node, len(settingList))}
	for i, name := range settingNames {
		if v := d.defaultOf(name); v != "" {
			s.values[i] = node(v)
		}
	}
	return s
}

// JSON are the settings as GET shows them.
func (s Settings) JSON() []byte {
	list := s.members()
	for i, m := range list {
		if m.name == "embedders" {
			list[i].value = maskEmbedders(m.value)
		}
	}
	return appendObject(nil, list)
}

// Value is one setting as GET of its sub-route shows it.
func (s Settings) Value(subroute string) ([]byte, bool) {
	i := slices.Index(settingNames, SettingName(subroute))
	if i < 0 || s.values[i] == nil {
		return nil, false
	}
	if settingNames[i] == "embedders" {
		return maskEmbedders(s.values[i]), true
	}
	return s.values[i], true
}

func (s Settings) members() []member {
	var list []member
	for i, v := range s.values {
		if v != nil {
			list = append(list, member{settingNames[i], v})
		}
	}
	return list
}

// Apply is the settings after a patch. An error is one that fails the patch's task, because it depends on what the index
// has.
func (s Settings) Apply(p Patch) (Settings, *apierr.Error) {
	out := Settings{s.dialect, slices.Clone(s.values)}
	for i, v := range p.values {
		if v == nil || out.values[i] == nil {
			continue
		}
		name := settingNames[i]
		if v.isNull() {
			out.values[i] = firstOf(node(s.dialect.defaultOf(name)), node(hiddenDefault(name)))
			continue
		}
		var e *apierr.Error
		switch name {
		case "displayedAttributes", "searchableAttributes":
			v = attributeList(v)
		case "typoTolerance":
			v, e = applyTypoTolerance(s.values[i], v)
		case "faceting":
			v = applyFaceting(s.values[i], v)
		case "pagination":
			v = withDefaults(mergeObject(s.values[i], v, []string{"maxTotalHits"}), defaultPagination)
		case "embedders":
			v, e = applyEmbedders(s.values[i], v)
		case "localizedAttributes":
			v = longLocales(v)
		case "chat":
			v = applyChat(s.values[i], v)
		}
		if e != nil {
			return s, e
		}
		out.values[i] = v
	}
	return out, nil
}

// attributeList is a list without repetitions, and everything when it holds a star.
func attributeList(v node) node {
	if hasStar(v) {
		return node(`["*"]`)
	}
	list, _ := v.strings(place{})
	var out []string
	for _, name := range list {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return appendStrings(nil, out)
}

// withDefaults fills the members that an object lacks, in the order of the defaults.
func withDefaults(v node, defaults string) node {
	have := v.members()
	list := node(defaults).members()
	for i, m := range list {
		if given := get(have, m.name); given != nil {
			list[i].value = given
		}
	}
	return appendObject(nil, list)
}

func applyTypoTolerance(old, change node) (node, *apierr.Error) {
	list := change.members()
	if sizes := get(list, "minWordSizeForTypos"); sizes != nil && !sizes.isNull() {
		both := []string{"oneTypo", "twoTypos"}
		merged := withDefaults(mergeObject(get(old.members(), "minWordSizeForTypos"), sizes, both), `{"oneTypo":5,"twoTypos":9}`)
		m := merged.members()
		one, two := get(m, "oneTypo").count(), get(m, "twoTypos").count()
		if one > two {
			return nil, apierr.New(apierr.InvalidSettingsTypoTolerance, "%s", typoSizes(one, two))
		}
		set(list, "minWordSizeForTypos", merged)
	}
	if words := get(list, "disableOnWords"); words != nil && !words.isNull() {
		lower, _ := words.strings(place{})
		for i := range lower {
			lower[i] = strings.ToLower(lower[i])
		}
		slices.Sort(lower)
		set(list, "disableOnWords", appendStrings(nil, slices.Compact(lower)))
	}
	merged := mergeObject(old, appendObject(nil, list), memberNames(node(defaultTypoTolerance)))
	return withDefaults(merged, defaultTypoTolerance), nil
}

func applyFaceting(old, change node) node {
	list := change.members()
	if by := get(list, "sortFacetValuesBy"); by != nil && !by.isNull() {
		orders := by.members()
		if get(orders, "*") == nil {
			orders = append(orders, member{"*", node(`"alpha"`)})
			slices.SortFunc(orders, func(a, b member) int { return strings.Compare(a.name, b.name) })
		}
		set(list, "sortFacetValuesBy", appendObject(nil, orders))
	}
	return withDefaults(mergeObject(old, appendObject(nil, list), memberNames(node(defaultFaceting))), defaultFaceting)
}

func applyChat(old, change node) node {
	list := change.members()
	if search := get(list, "searchParameters"); search != nil && !search.isNull() {
		set(list, "searchParameters", mergeObject(get(old.members(), "searchParameters"), search, canonNames(chatSearch)))
	}
	return withDefaults(mergeObject(old, appendObject(nil, list), memberNames(node(defaultChat))), defaultChat)
}

func canonNames(fields []canonField) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

func memberNames(v node) []string {
	var names []string
	for _, m := range v.members() {
		names = append(names, m.name)
	}
	return names
}

// set replaces the value of a member that is there.
func set(list []member, name string, v node) {
	for i := range list {
		if list[i].name == name {
			list[i].value = v
		}
	}
}

// longLocales writes languages by three letters, as GET does.
func longLocales(v node) node {
	short := slices.Index(locales, "afr")
	b, _ := canonList(canonObject([]canonField{
		{name: "attributePatterns", read: canonStrings},
		{name: "locales", read: canonList(func(v node, p place) ([]byte, *apierr.Error) {
			s, e := v.str(p)
			if i := slices.Index(locales, s); i >= 0 && i < short {
				s = locales[i+short]
			}
			return rawjson.AppendQuoted(nil, s), e
		})},
	}, nil))(v, place{})
	return b
}

// shardRule makes the shard filterable where rules with patterns could forbid it.
const shardRule = `{"attributePatterns":["` + nodeapi.FieldShard +
	`"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":true}}}`
