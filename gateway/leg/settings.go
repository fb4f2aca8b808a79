package leg

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
)

// Settings are what reads depend on of an index's settings as clients see them.
type Settings struct {
	Displayed    []string // displayedAttributes; nil: all
	MaxTotalHits int
	Facets       merge.FacetSettings
	Distinct     string // distinctAttribute; "" for none
	Embedders    map[string]Embedder
	filterable   []filterRule
	sortable     []string
}

// Meilisearch's defaults of an index without own settings.
const (
	defaultMaxTotalHits = 1000
	defaultMaxValues    = 100

	// engineMaxValues is the least maxValuesPerFacet that engines run with, whatever the client set (spec §3.2).
	engineMaxValues = 1000
)

// ParseSettings reads the client's view of the settings; nothing, or what is no settings, gives the defaults.
func ParseSettings(clientView []byte) *Settings {
	var raw struct {
		DisplayedAttributes  []string          `json:"displayedAttributes"`
		FilterableAttributes []json.RawMessage `json:"filterableAttributes"`
		SortableAttributes   []string          `json:"sortableAttributes"`
		DistinctAttribute    *string           `json:"distinctAttribute"`
		Faceting             struct {
			MaxValuesPerFacet int               `json:"maxValuesPerFacet"`
			SortFacetValuesBy map[string]string `json:"sortFacetValuesBy"`
		} `json:"faceting"`
		Pagination struct {
			MaxTotalHits int `json:"maxTotalHits"`
		} `json:"pagination"`
		Embedders map[string]json.RawMessage `json:"embedders"`
	}
	s := &Settings{
		MaxTotalHits: defaultMaxTotalHits,
		Facets:       merge.FacetSettings{MaxValues: defaultMaxValues, EngineCap: engineMaxValues},
	}
	if len(clientView) == 0 || json.Unmarshal(clientView, &raw) != nil {
		return s
	}
	s.sortable = raw.SortableAttributes
	if !slices.Contains(raw.DisplayedAttributes, "*") && raw.DisplayedAttributes != nil {
		s.Displayed = raw.DisplayedAttributes
	}
	if raw.Pagination.MaxTotalHits > 0 {
		s.MaxTotalHits = raw.Pagination.MaxTotalHits
	}
	if most := raw.Faceting.MaxValuesPerFacet; most > 0 {
		s.Facets.MaxValues, s.Facets.EngineCap = most, max(most, engineMaxValues)
	}
	s.Facets.SortBy = map[string]merge.FacetOrder{}
	for name, order := range raw.Faceting.SortFacetValuesBy {
		s.Facets.SortBy[name] = merge.FacetAlpha
		if order == "count" {
			s.Facets.SortBy[name] = merge.FacetCount
		}
	}
	if raw.DistinctAttribute != nil {
		s.Distinct = *raw.DistinctAttribute
	}
	s.Embedders = map[string]Embedder{}
	for name, e := range raw.Embedders {
		s.Embedders[name] = readEmbedder(e)
	}
	for _, f := range raw.FilterableAttributes {
		s.filterable = append(s.filterable, readFilterRule(f))
	}
	return s
}

// filterRule is one entry of filterableAttributes.
type filterRule struct {
	name     string   // an attribute with everything below it
	patterns []string // or patterns
	counted  bool     // the attributes can be filtered by value, and so be counted
}

func readFilterRule(raw []byte) filterRule {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return filterRule{name: name, counted: true}
	}
	var rule struct {
		Patterns []string `json:"attributePatterns"`
		Features struct {
			Filter struct {
				Equality   *bool `json:"equality"`
				Comparison bool  `json:"comparison"`
			} `json:"filter"`
		} `json:"features"`
	}
	if json.Unmarshal(raw, &rule) != nil {
		return filterRule{}
	}
	f := rule.Features.Filter
	return filterRule{patterns: rule.Patterns, counted: f.Equality == nil || *f.Equality || f.Comparison}
}

func (r filterRule) matches(attribute string) bool {
	if r.name != "" {
		return within(attribute, r.name)
	}
	return slices.ContainsFunc(r.patterns, func(p string) bool { return matches(p, attribute) })
}

// Countable says whether the values of an attribute can be counted as a facet: the first rule that matches decides.
func (s *Settings) Countable(attribute string) bool {
	at := slices.IndexFunc(s.filterable, func(r filterRule) bool { return r.matches(attribute) })
	return at >= 0 && s.filterable[at].counted
}

// Filterable says whether a filter may look at an attribute.
func (s *Settings) Filterable(attribute string) bool { return s.Countable(attribute) }

// Sortable says whether a search may be sorted by an attribute.
func (s *Settings) Sortable(attribute string) bool {
	return slices.ContainsFunc(s.sortable, func(name string) bool { return within(attribute, name) })
}

// matches applies a pattern of attributes: a star at either end, or at both, stands for anything.
func matches(pattern, attribute string) bool {
	start, end := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	switch {
	case pattern == "*":
		return true
	case start && end:
		return strings.Contains(attribute, pattern[1:len(pattern)-1])
	case start:
		return strings.HasSuffix(attribute, pattern[1:])
	case end:
		return strings.HasPrefix(attribute, pattern[:len(pattern)-1])
	}
	return pattern == attribute
}

// within says whether a dotted path is a name or lies below it.
func within(path, name string) bool {
	return strings.HasPrefix(path, name) && (len(path) == len(name) || path[len(name)] == '.')
}

// Geo says whether engines read the places of documents: for a rule with patterns that happens to match them they do not.
func (s *Settings) Geo() bool {
	return slices.Contains(s.sortable, "_geo") || slices.ContainsFunc(s.filterable, func(r filterRule) bool { return r.name == "_geo" })
}
