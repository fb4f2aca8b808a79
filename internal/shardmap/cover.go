package shardmap

import (
	"cmp"
	"math/bits"
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

// exactCoverNodes bounds the exhaustive search for the fewest nodes: 2^12 subsets take well under a millisecond and a
// plan is cached per epoch, larger groups use the greedy choice.
const exactCoverNodes = 12

// CoveringSet picks the fewest holders that together hold all shards in [0, shards) and gives every shard to exactly
// one of them: a shard that several of them hold goes to the first. So the first answers for all that it holds, and its
// node need not filter by shard, which costs a node more than the documents it saves; docs/performance.md has the
// figures. seed rotates the choice between equally small sets and who is first, so that load spreads while the same seed
// always gives the same answer. missing lists shards that nobody holds, ascending. Legs are ordered by their lowest shard.
func CoveringSet(shards int, holders []Holder, seed uint64) (legs []Cover, missing []int) {
	holders = rotate(holders, seed)
	chosen := fewest(shards, holders, seed)
	assigned := make([][]int, len(holders))
	holds := make([][]bool, len(holders))
	for _, h := range chosen {
		holds[h] = make([]bool, shards)
		for _, s := range holders[h].Shards {
			if s >= 0 && s < shards {
				holds[h][s] = true
			}
		}
	}
	for s := range shards {
		best := -1
		for _, h := range chosen {
			if holds[h][s] {
				best = h
				break
			}
		}
		if best < 0 {
			missing = append(missing, s)
			continue
		}
		assigned[best] = append(assigned[best], s)
	}
	for h, list := range assigned {
		if len(list) > 0 {
			legs = append(legs, Cover{Node: holders[h].Node, Shards: list})
		}
	}
	slices.SortFunc(legs, func(a, b Cover) int { return cmp.Compare(a.Shards[0], b.Shards[0]) })
	return legs, missing
}

// rotate orders holders by node id and then starts at a place that depends on seed.
func rotate(holders []Holder, seed uint64) []Holder {
	sorted := slices.Clone(holders)
	slices.SortFunc(sorted, func(a, b Holder) int { return cmp.Compare(a.Node, b.Node) })
	if len(sorted) == 0 {
		return nil
	}
	at := int(seed % uint64(len(sorted)))
	return append(sorted[at:len(sorted):len(sorted)], sorted[:at]...)
}

type bitset []uint64

func (b bitset) or(o bitset) {
	for i := range b {
		b[i] |= o[i]
	}
}

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b bitset) missingFrom(o bitset) (n int) {
	for i := range b {
		n += bits.OnesCount64(o[i] &^ b[i])
	}
	return n
}

// fewest returns the positions of a smallest set of holders whose union is all that the holders hold together.
func fewest(shards int, holders []Holder, seed uint64) []int {
	words := (shards + 63) / 64
	sets := make([]bitset, len(holders))
	all := make(bitset, words)
	for i, h := range holders {
		sets[i] = make(bitset, words)
		for _, s := range h.Shards {
			if s >= 0 && s < shards {
				sets[i][s/64] |= 1 << (s % 64)
			}
		}
		all.or(sets[i])
	}
	if len(holders) <= exactCoverNodes {
		return exactCover(sets, all, words, seed)
	}
	return greedyCover(sets, all, words)
}

// exactCover tries all subsets by growing size. Among equally small sets the seed picks one.
func exactCover(sets []bitset, all bitset, words int, seed uint64) []int {
	want := all.count()
	for size := 0; size <= len(sets); size++ {
		var found []uint32
		for mask := range uint32(1) << len(sets) {
			if bits.OnesCount32(mask) != size {
				continue
			}
			union := make(bitset, words)
			for i := range sets {
				if mask&(1<<i) != 0 {
					union.or(sets[i])
				}
			}
			if union.count() == want {
				found = append(found, mask)
			}
		}
		if len(found) > 0 {
			mask := found[(seed/uint64(max(1, len(sets))))%uint64(len(found))]
			var chosen []int
			for i := range sets {
				if mask&(1<<i) != 0 {
					chosen = append(chosen, i)
				}
			}
			return chosen
		}
	}
	return nil
}

func greedyCover(sets []bitset, all bitset, words int) []int {
	covered := make(bitset, words)
	var chosen []int
	for covered.missingFrom(all) > 0 {
		best, gain := -1, 0
		for i, s := range sets {
			if g := covered.missingFrom(s); g > gain {
				best, gain = i, g
			}
		}
		chosen = append(chosen, best)
		covered.or(sets[best])
	}
	return chosen
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
