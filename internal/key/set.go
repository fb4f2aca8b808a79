package key

import (
	"cmp"
	"maps"
	"slices"
)

// Set is all keys of a cluster at one moment. It must not be modified.
type Set struct {
	List  []*Record // newest first
	byUID map[string]*Record
}

// NewSet makes a set of records by uid. The records must not be modified afterwards.
func NewSet(records map[string]*Record) *Set {
	s := &Set{List: slices.Collect(maps.Values(records)), byUID: maps.Clone(records)}
	slices.SortFunc(s.List, func(a, b *Record) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.UID, b.UID))
	})
	return s
}

// Get finds a key by its uid; nil when there is none.
func (s *Set) Get(uid string) *Record { return s.byUID[uid] }
