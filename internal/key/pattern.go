package key

import (
	"slices"
	"strings"
)

// AllIndexes is the pattern of every index.
const AllIndexes = "*"

// Matches says whether an index pattern (a name, or a prefix with a star behind it) covers an index (AU-13).
func Matches(pattern, index string) bool {
	if prefix, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(index, prefix)
	}
	return pattern == index
}

// AnyMatches says whether one of the patterns covers an index.
func AnyMatches(patterns []string, index string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Matches(p, index) })
}

// Closest is the pattern that says most about an index: its name, else the longest prefix (AU-14). ok is false when none
// covers it.
func Closest(patterns []string, index string) (pattern string, ok bool) {
	for _, p := range patterns {
		if !Matches(p, index) {
			continue
		}
		if p == index {
			return p, true
		}
		if !ok || len(p) > len(pattern) {
			pattern, ok = p, true
		}
	}
	return pattern, ok
}
