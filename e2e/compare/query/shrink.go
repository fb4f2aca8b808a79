package query

import (
	"maps"
	"slices"
	"strings"
)

// Shrink returns the smallest query it can find that still fails. fails is asked at most tries times.
func Shrink(q Query, tries int, fails func(Query) bool) Query {
	for shrunk := true; shrunk; {
		shrunk = false
		for _, smaller := range q.smaller() {
			if tries == 0 {
				return q
			}
			tries--
			if fails(smaller) {
				q, shrunk = smaller, true
				break
			}
		}
	}
	return q
}

// smaller lists variants with one thing less, the greatest step first.
func (q Query) smaller() []Query {
	var list []Query
	keys := slices.Sorted(maps.Keys(q.Body))
	for _, key := range keys {
		list = append(list, q.Without(key))
	}
	for _, key := range keys {
		for _, value := range less(key, q.Body[key]) {
			list = append(list, q.With(map[string]any{key: value}))
		}
	}
	return list
}

// less lists values that say a little less than value.
func less(key string, value any) []any {
	var list []any
	switch value := value.(type) {
	case string:
		by := " "
		if key == "filter" {
			by = " AND "
			if !strings.Contains(value, by) {
				by = " OR "
			}
		}
		parts := strings.Split(value, by)
		for i := range parts {
			if len(parts) > 1 {
				list = append(list, strings.Join(slices.Delete(slices.Clone(parts), i, i+1), by))
			}
		}
	case []any:
		for i := range value {
			if len(value) > 1 {
				list = append(list, slices.Delete(slices.Clone(value), i, i+1))
			}
			for _, part := range less(key, value[i]) {
				changed := slices.Clone(value)
				changed[i] = part
				list = append(list, changed)
			}
		}
	case map[string]any:
		for _, member := range slices.Sorted(maps.Keys(value)) {
			fewer := maps.Clone(value)
			delete(fewer, member)
			list = append(list, fewer)
			for _, part := range less(member, value[member]) {
				changed := maps.Clone(value)
				changed[member] = part
				list = append(list, changed)
			}
		}
	}
	return list
}
