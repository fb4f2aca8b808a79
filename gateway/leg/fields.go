package leg

import (
	"slices"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
)

// AllFields asks a leg for every field that it has: an engine numbers them by 16 bits. What the client asked for can be
// said of all legs together only.
const AllFields = `{"offset":0,"limit":65536}`

// Fields is how the field lists of legs, which were asked for AllFields, become the client's.
func Fields(q *meili.FieldsQuery, settings *Settings) merge.FieldsRequest {
	return merge.FieldsRequest{
		Offset: q.Offset, Limit: q.Limit, Displayed: settings.displays,
		Keep: func(name string, enabled func(capability string) bool) bool {
			if q.Patterns != nil && !slices.ContainsFunc(q.Patterns, func(p string) bool { return matches(p, name) }) {
				return false
			}
			for capability, wanted := range q.Enabled {
				if enabled(capability) != wanted {
					return false
				}
			}
			return true
		},
	}
}

// displays says whether an attribute, or one that it lies below, is displayed.
func (s *Settings) displays(attribute string) bool {
	return s.Displayed == nil || slices.ContainsFunc(s.Displayed, func(name string) bool { return within(attribute, name) })
}
