package shardmap

import (
	"cmp"
	"slices"
)

// Holder is a node that may answer for some shards.
type Holder struct {
	Node   string
	Shards []int // ascending
}

// Cover is one leg of a covering set: the node and the shards it answers for, ascending.
type Cover struct {
	Node   string
	Shards []int
}

// exactCoverNodes bounds the exhaustive search for the fewest nodes among those that could be left out; with more the choice
// is greedy.
const exactCoverNodes = 12

// CoveringSet picks the fewest holders that together hold all shards in [0, shards) and gives every shard to exactly
// one of them: a shard that several of them hold goes to the first. So the first answers for all that it holds, and its
// node need not filter by shard, which costs a node more than the documents it saves; docs/performance.md has the
// figures. seed rotates the choice between equally small sets and who is first, so that load spreads while the same seed
// always gives the same answer. missing lists shards that nobody holds, ascending. Legs are ordered by their lowest shard.
func CoveringSet(shards int, holders []Holder, seed uint64) (legs []Cover, missing []int) {
	left := make(bitset, (shards+63)/64)
	left.fill(shards)
	return coverOf(left, shards, holders, seed)
}

// CoveringSetOf is CoveringSet for some of the shards in [0, shards).
func CoveringSetOf(wanted []int, shards int, holders []Holder, seed uint64) (legs []Cover, missing []int) {
	left := make(bitset, (shards+63)/64)
	left.add(wanted, shards)
	return coverOf(left, shards, holders, seed)
}

// coverOf covers the shards that are left, and takes them out of the set.
func coverOf(left bitset, shards int, holders []Holder, seed uint64) (legs []Cover, missing []int) {
	seed = FoldSeed(seed, len(holders))
	holders = rotate(holders, seed)
	sets := setsOf(shards, left, holders)
	legs = make([]Cover, 0, len(holders))
	wanted := left.count()
	list := make([]int, 0, wanted) // of all legs, one after the other
	for _, h := range sets.fewest(seed) {
		begin := len(list)
		list = left.take(sets.of(h), list)
		if len(list) > begin {
			legs = append(legs, Cover{Node: holders[h].Node, Shards: list[begin:len(list):len(list)]})
		}
	}
	slices.SortFunc(legs, func(a, b Cover) int { return cmp.Compare(a.Shards[0], b.Shards[0]) })
	if len(list) < wanted {
		missing = left.take(left, nil)
	}
	return legs, missing
}

// choices is how many seeds are told apart: enough for every holder to be first about as often, and for different sets
// behind it.
const choices = 240

// FoldSeed maps a seed to the few that give different covering sets of so many holders: sets can be remembered by it.
func FoldSeed(seed uint64, holders int) uint64 {
	return seed % uint64(max(choices, 8*holders)) //nolint:gosec // not negative
}

// rotate orders holders by node id and then starts at a place that depends on seed.
func rotate(holders []Holder, seed uint64) []Holder {
	if len(holders) == 0 {
		return nil
	}
	at := int(seed % uint64(len(holders)))
	sorted := holders
	byNode := func(a, b Holder) int { return cmp.Compare(a.Node, b.Node) }
	if !slices.IsSortedFunc(holders, byNode) {
		sorted = slices.Clone(holders)
		slices.SortFunc(sorted, byNode)
	}
	if at == 0 {
		return sorted
	}
	return slices.Concat(sorted[at:], sorted[:at])
}

// HoldersOf turns a placement around: which node holds which shards, nodes in ascending order.
func HoldersOf(owners Owners) []Holder {
	byNode := map[string][]int{}
	for s, list := range owners {
		for _, n := range list {
			byNode[n] = append(byNode[n], s)
		}
	}
	holders := make([]Holder, 0, len(byNode))
	for n, s := range byNode {
		holders = append(holders, Holder{Node: n, Shards: s})
	}
	slices.SortFunc(holders, func(a, b Holder) int { return cmp.Compare(a.Node, b.Node) })
	return holders
}
