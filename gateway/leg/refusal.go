package leg

import (
	"regexp"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// available is the sentence in which a node lists the attributes that would have been right.
var available = regexp.MustCompile("Available (sortable attributes|searchable attributes|(?:filterable|facet-searchable) attributes patterns) are: `([^`]*)`\\.")

// Refusal takes attributes that are not displayed out of a node's error, as an engine does in errors of these codes; the
// nodes display everything.
func (s *Settings) Refusal(e *apierr.Error) *apierr.Error {
	if s.Displayed == nil {
		return e
	}
	switch e.Code {
	case apierr.InvalidSearchSort, apierr.InvalidSearchDistinct, apierr.InvalidSearchAttributesToSearchOn,
		apierr.InvalidFacetSearchFacetName:
	default:
		return e
	}
	out := *e
	out.Message = available.ReplaceAllStringFunc(e.Message, s.displayedOnly)
	return &out
}

// displayedOnly rewrites the sentence. A list of which nothing is left becomes the sentence for an empty one.
func (s *Settings) displayedOnly(sentence string) string {
	m := available.FindStringSubmatch(sentence)
	what, names := m[1], strings.Split(m[2], ", ")
	shown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(s.Displayed, name) })
	list := strings.Join(shown, ", ")
	if len(shown) == 0 && what != "searchable attributes" {
		return "This index does not have configured " + strings.TrimSuffix(what, " patterns") + "."
	}
	if len(shown) < len(names) {
		list += ", <..hidden-attributes>"
	}
	return strings.Replace(sentence, "`"+m[2]+"`", "`"+list+"`", 1)
}
