package check

import (
	"maps"
	"slices"

	"github.com/miroir-search/miroir/chaos/history"
)

// copies compares the copies of each shard, and looks for documents that stand in two shards.
func copies(all []history.Copy) (found []Violation) {
	first := map[int]history.Copy{}
	shardOf := map[string]int{}
	for _, c := range all {
		f, ok := first[c.Shard]
		if !ok {
			first[c.Shard] = c
			for id := range c.Raw {
				if other, ok := shardOf[id]; ok {
					found = append(found, violated("once", "%s stands in shards %d and %d", id, other, c.Shard))
				}
				shardOf[id] = c.Shard
			}
			continue
		}
		for _, id := range sorted(f.Raw, c.Raw) {
			if f.Raw[id] != c.Raw[id] {
				found = append(found, violated("copies", "%s in shard %d is %s on %s and %s on %s", id, c.Shard,
					orNothing(f.Raw[id]), f.Node, orNothing(c.Raw[id]), c.Node))
			}
		}
	}
	return found
}

func sorted[V any](all ...map[string]V) []string {
	keys := map[string]bool{}
	for _, m := range all {
		for k := range m {
			keys[k] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
