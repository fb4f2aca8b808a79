package shardmap

import (
	"math/bits"
	"slices"
)

// bitset is a set of shards.
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

// fill puts all shards in [0, shards) into the set.
func (b bitset) fill(shards int) {
	for s := 0; s < shards; s += 64 {
		b[s/64] = ^uint64(0) >> max(0, 64-(shards-s))
	}
}

// add puts those of a list that are in [0, shards) into the set.
func (b bitset) add(list []int, shards int) {
	for _, s := range list {
		if s >= 0 && s < shards {
			b[s/64] |= 1 << (s % 64)
		}
	}
}

// take moves the shards of o out of the set and appends them to list, ascending.
func (b bitset) take(o bitset, list []int) []int {
	for i := range b {
		both := b[i] & o[i]
		b[i] &^= both
		for ; both != 0; both &= both - 1 {
			list = append(list, 64*i+bits.TrailingZeros64(both))
		}
	}
	return list
}

// holderSets is what each holder holds.
type holderSets struct {
	n, words int
	all      bitset // the sets one after the other
}

// setsOf is what each holder holds of the wanted shards.
func setsOf(shards int, wanted bitset, holders []Holder) holderSets {
	words := len(wanted)
	h := holderSets{n: len(holders), words: words, all: make(bitset, words*len(holders))}
	for i, holder := range holders {
		set := h.of(i)
		set.add(holder.Shards, shards)
		for w := range set {
			set[w] &= wanted[w]
		}
	}
	return h
}

func (h holderSets) of(i int) bitset { return h.all[i*h.words : (i+1)*h.words] }

// fewest returns the positions of a smallest set of holders whose union is all that the holders hold together, ascending.
func (h holderSets) fewest(seed uint64) []int {
	union, twice := make(bitset, h.words), make(bitset, h.words)
	for i := range h.n {
		for w, bits := range h.of(i) {
			twice[w] |= union[w] & bits
			union[w] |= bits
		}
	}
	// Whoever holds a shard alone is in every covering set; with one copy of every shard that is everybody.
	chosen, covered := make([]int, 0, h.n), make(bitset, h.words)
	var others []int
	for i := range h.n {
		if set := h.of(i); alone(set, twice) {
			chosen = append(chosen, i)
			covered.or(set)
		} else if set.count() > 0 {
			others = append(others, i)
		}
	}
	if covered.missingFrom(union) > 0 {
		if len(others) <= exactCoverNodes {
			chosen = append(chosen, h.exact(others, covered, union, seed)...)
		} else {
			chosen = append(chosen, h.greedy(others, covered, union)...)
		}
		slices.Sort(chosen)
	}
	return chosen
}

func alone(set, twice bitset) bool {
	for w, bits := range set {
		if bits&^twice[w] != 0 {
			return true
		}
	}
	return false
}

// exact finds a smallest set of candidates that completes the cover: it tries to do with one, then with two, and so on.
// Whatever the set, one of the holders of any shard that is left must be in it, so only those of one shard are tried next.
// seed decides which shard that is and who is tried first, and so which of equally small sets is found.
func (h holderSets) exact(candidates []int, covered, union bitset, seed uint64) []int {
	search := search{holderSets: h, candidates: candidates, union: union, seed: seed / uint64(max(1, h.n))}
	search.from = int(search.seed % uint64(64*h.words))
	for _, i := range candidates {
		search.most = max(search.most, covered.missingFrom(h.of(i)))
	}
	for size := 1; ; size++ { // all candidates together complete it, so this ends
		search.levels = make(bitset, (size+1)*h.words)
		copy(search.levels, covered)
		search.chosen = search.chosen[:0]
		if search.complete(0, size) {
			return search.chosen
		}
	}
}

// search is one exhaustive search.
type search struct {
	holderSets
	candidates []int
	union      bitset
	seed       uint64
	from       int    // the shard to look at first
	most       int    // shards that one candidate can add at most
	levels     bitset // what is covered at each depth
	chosen     []int
}

// complete looks for the rest of a cover that has depth candidates already and may have size.
func (s *search) complete(depth, size int) bool {
	covered := s.levels[depth*s.words : (depth+1)*s.words]
	missing := covered.missingFrom(s.union)
	if missing == 0 {
		return true
	}
	if missing > (size-depth)*s.most {
		return false
	}
	word, bit := s.next(covered)
	start := int(s.seed >> depth % uint64(len(s.candidates)))
	for j := range s.candidates {
		i := s.candidates[(start+j)%len(s.candidates)]
		if s.of(i)[word]&bit == 0 {
			continue
		}
		next := s.levels[(depth+1)*s.words : (depth+2)*s.words]
		copy(next, covered)
		next.or(s.of(i))
		s.chosen = append(s.chosen, i)
		if s.complete(depth+1, size) {
			return true
		}
		s.chosen = s.chosen[:depth]
	}
	return false
}

// next is where the first shard from s.from on stands, in a circle, that covered lacks; there is one.
func (s *search) next(covered bitset) (word int, bit uint64) {
	first := s.from / 64
	mask := ^uint64(0) << (s.from % 64) // the shards of the first word before s.from come last
	for step := range s.words + 1 {
		word = (first + step) % s.words
		if left := s.union[word] &^ covered[word] & mask; left != 0 {
			return word, left & -left
		}
		mask = ^uint64(0)
	}
	return word, 0
}

// greedy takes the candidate that adds most, again and again.
func (h holderSets) greedy(candidates []int, covered, union bitset) []int {
	var chosen []int
	for covered.missingFrom(union) > 0 {
		best, gain := -1, 0
		for _, i := range candidates {
			if g := covered.missingFrom(h.of(i)); g > gain {
				best, gain = i, g
			}
		}
		chosen = append(chosen, best)
		covered.or(h.of(best))
	}
	return chosen
}
