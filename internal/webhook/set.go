package webhook

import (
	"cmp"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/meili"
)

// Set is all webhooks of a cluster at one moment. It must not be modified.
type Set struct {
	List   []*Record // by uuid
	byUUID map[string]*Record
}

// NewSet makes a set of records by uuid. The records must not be modified afterwards.
func NewSet(records map[string]*Record) *Set {
	s := &Set{List: slices.Collect(maps.Values(records)), byUUID: maps.Clone(records)}
	slices.SortFunc(s.List, func(a, b *Record) int { return cmp.Compare(a.UUID, b.UUID) })
	return s
}

// Get finds a webhook by its uuid; nil when there is none.
func (s *Set) Get(uuid string) *Record { return s.byUUID[uuid] }

// Full says whether clients can make no more webhooks.
func (s *Set) Full() bool {
	n := len(s.List)
	if s.Get(meili.CommandWebhook) != nil {
		n--
	}
	return n >= meili.MaxWebhooks
}
