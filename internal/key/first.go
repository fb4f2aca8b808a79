package key

import (
	"slices"
	"time"
)

// IsDefault says whether a key is one of those that a new cluster starts with, unchanged but for its uid and dates.
func IsDefault(r *Record) bool {
	return slices.ContainsFunc(Defaults(time.Time{}, func() string { return "" }), func(d Record) bool {
		return same(r.Name, d.Name) && same(r.Description, d.Description) && slices.Equal(r.Actions, d.Actions) &&
			slices.Equal(r.Indexes, d.Indexes) && r.ExpiresAt == nil
	})
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
