package shardmap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// SH-2: golden vectors of the document hash.
func TestSH2DocumentHashVectors(t *testing.T) {
	for _, c := range []struct {
		id             string
		hash           uint64
		s16, s64, s512 int
	}{
		{"1", 0x13bbf5d430c49824, 4, 36, 36},
		{"42", 0xb6cf972c370e5475, 5, 53, 117},
		{"-7", 0xe75e312049002365, 5, 37, 357},
		{"product_1", 0xa04e6dc208606f2f, 15, 47, 303},
		{"movie_inception", 0x2418a7f3c133e46e, 14, 46, 110},
		{strings.Repeat("a", 511), 0xd2396ec8d3506a10, 0, 16, 16},
	} {
		id := []byte(c.id)
		if got := HashID(id); got != c.hash {
			t.Errorf("HashID(%.20q) = %x, want %x", c.id, got, c.hash)
		}
		for s, want := range map[int]int{16: c.s16, 64: c.s64, 512: c.s512} {
			if got := ShardOf(id, s); got != want {
				t.Errorf("ShardOf(%.20q, %d) = %d, want %d", c.id, s, got, want)
			}
		}
	}
}

// SH-3: golden vectors of the rendezvous score.
func TestSH3ScoreVectors(t *testing.T) {
	for _, c := range []struct {
		shard int
		node  string
		want  uint64
	}{
		{0, "meili-0", 0xb0add2a1eb6a95ff}, {0, "meili-1", 0xf53608266d35162d}, {0, "meili-2", 0xaa7521bae8bfdf94},
		{63, "meili-0", 0x9d290ae5707da088}, {63, "meili-1", 0xa83bf6ab6a3b0847}, {63, "meili-2", 0xa54906e55af437e7},
	} {
		if got := Score(c.shard, c.node); got != c.want {
			t.Errorf("Score(%d, %s) = %x, want %x", c.shard, c.node, got, c.want)
		}
	}
	long := strings.Repeat("n", 63)
	if Score(1, long) == Score(2, long) {
		t.Error("a long node id must still be scored by shard")
	}
}

// SH-4, SH-5: rank order before the load bound, independent of the order of the node list.
func TestSH4RankVectors(t *testing.T) {
	want := []string{"10", "12", "20", "01", "21", "01", "01", "12"}
	for shard, w := range want {
		for _, nodes := range [][]string{{"meili-0", "meili-1", "meili-2"}, {"meili-2", "meili-0", "meili-1"}} {
			r := Rank(shard, nodes)
			if got := r[0][6:] + r[1][6:]; got != w {
				t.Errorf("shard %d: rank %s, want %s", shard, got, w)
			}
		}
	}
}

// SH-6a: the bound holds for every node, every shard has distinct owners, and the node order does not matter.
func TestSH6aPlaceBoundProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "nodes")
		rf := rapid.IntRange(1, min(n, MaxReplicas)).Draw(t, "replicas")
		shards := rapid.IntRange(1, 130).Draw(t, "shards")
		tag := rapid.StringMatching(`[a-z]{1,6}`).Draw(t, "tag")
		nodes := make([]string, n)
		for i := range nodes {
			nodes[i] = fmt.Sprintf("%s-%d", tag, i)
		}
		got, err := Place(shards, rf, nodes)
		if err != nil {
			t.Fatal(err)
		}
		load := map[string]int{}
		for s, owners := range got {
			if len(owners) != rf || len(slices.Compact(slices.Sorted(slices.Values(owners)))) != rf {
				t.Fatalf("shard %d: owners %v", s, owners)
			}
			for _, o := range owners {
				load[o]++
			}
		}
		room := (shards*rf + n - 1) / n
		for node, l := range load {
			if l > room {
				t.Fatalf("%s holds %d copies, room is %d", node, l, room)
			}
		}
		slices.Reverse(nodes)
		again, _ := Place(shards, rf, nodes)
		if fmt.Sprint(got) != fmt.Sprint(again) {
			t.Fatal("placement depends on the order of the node list")
		}
	})
}

func TestPlaceRefusesTooFewNodes(t *testing.T) {
	if _, err := Place(16, 2, []string{"a"}); err == nil {
		t.Fatal("two replicas on one node must be refused")
	}
	if _, err := Place(0, 1, []string{"a"}); err == nil {
		t.Fatal("zero shards must be refused")
	}
}

// WQ: need per group as in the table of spec §1.3.
func TestWQ2Need(t *testing.T) {
	for _, c := range []struct{ rf, complete, want int }{
		{1, 1, 1}, {1, 0, 0}, {2, 2, 2}, {2, 1, 1}, {2, 0, 0}, {3, 3, 2}, {3, 2, 2}, {3, 1, 1}, {4, 4, 3}, {4, 3, 3},
	} {
		if got := Need(c.rf, c.complete); got != c.want {
			t.Errorf("Need(%d, %d) = %d, want %d", c.rf, c.complete, got, c.want)
		}
	}
	if NeedConfigured(2) != 2 {
		t.Error("configured quorum of two replicas is two")
	}
}

// RD-2: every covered shard belongs to exactly one leg, legs hold what they answer for, no smaller set exists.
func TestRD2CoveringSetProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "nodes")
		rf := rapid.IntRange(1, min(n, 3)).Draw(t, "replicas")
		shards := rapid.IntRange(1, 70).Draw(t, "shards")
		nodes := make([]string, n)
		for i := range nodes {
			nodes[i] = fmt.Sprintf("node-%d", i)
		}
		owners, err := Place(shards, rf, nodes)
		if err != nil {
			t.Fatal(err)
		}
		holders := HoldersOf(owners)
		drop := rapid.IntRange(0, n).Draw(t, "drop")
		holders = holders[:max(0, len(holders)-drop)]
		seed := rapid.Uint64().Draw(t, "seed")
		legs, missing := CoveringSet(shards, holders, seed)
		seen := map[int]string{}
		for _, l := range legs {
			for _, s := range l.Shards {
				if seen[s] != "" {
					t.Fatalf("shard %d twice", s)
				}
				seen[s] = l.Node
				if !slices.Contains(owners[s], l.Node) {
					t.Fatalf("shard %d planned on %s which does not hold it", s, l.Node)
				}
			}
		}
		if len(seen)+len(missing) != shards {
			t.Fatalf("%d covered + %d missing != %d", len(seen), len(missing), shards)
		}
		if len(legs) > 0 && !slices.ContainsFunc(legs, func(l Cover) bool {
			at := slices.IndexFunc(holders, func(h Holder) bool { return h.Node == l.Node })
			return slices.Equal(l.Shards, holders[at].Shards)
		}) {
			t.Fatalf("no leg answers for all that its node holds: %v", legs)
		}
		again, _ := CoveringSet(shards, holders, seed)
		if fmt.Sprint(legs) != fmt.Sprint(again) {
			t.Fatal("the same seed gave another cover")
		}
		for size := range len(legs) {
			if coverable(size, shards-len(missing), holders) {
				t.Fatalf("%d legs where %d do", len(legs), size)
			}
		}
		if folded, _ := CoveringSet(shards, holders, FoldSeed(seed, len(holders))); fmt.Sprint(legs) != fmt.Sprint(folded) {
			t.Fatal("the folded seed gave another cover")
		}
	})
}

// F4: some shards are covered by the fewest nodes that hold them, each by one; no other shard is in a leg.
func TestF4CoveringSetOfSomeShards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "nodes")
		shards := rapid.IntRange(1, 130).Draw(t, "shards")
		var nodes []string
		for i := range n {
			nodes = append(nodes, fmt.Sprintf("node-%d", i))
		}
		owners, err := Place(shards, rapid.IntRange(1, n).Draw(t, "replicas"), nodes)
		if err != nil {
			t.Fatal(err)
		}
		wanted := rapid.SliceOfNDistinct(rapid.IntRange(0, shards-1), 0, 5, rapid.ID[int]).Draw(t, "wanted")
		slices.Sort(wanted)
		holders := HoldersOf(owners)
		holders = holders[rapid.IntRange(0, len(holders)).Draw(t, "drop"):]
		legs, missing := CoveringSetOf(wanted, shards, holders, rapid.Uint64().Draw(t, "seed"))
		all := slices.Clone(missing)
		for _, l := range legs {
			all = append(all, l.Shards...)
			for _, s := range l.Shards {
				if !slices.Contains(owners[s], l.Node) {
					t.Fatalf("shard %d planned on %s which does not hold it", s, l.Node)
				}
			}
		}
		if slices.Sort(all); !slices.Equal(all, wanted) {
			t.Fatalf("%v in legs or missing, wanted %v", all, wanted)
		}
		for i := range holders {
			holders[i].Shards = slices.DeleteFunc(slices.Clone(holders[i].Shards), func(s int) bool { return !slices.Contains(wanted, s) })
		}
		for size := range len(legs) {
			if coverable(size, len(wanted)-len(missing), holders) {
				t.Fatalf("%d legs where %d do", len(legs), size)
			}
		}
	})
}

func coverable(size, want int, holders []Holder) bool {
	var try func(from, left int, have map[int]bool) bool
	try = func(from, left int, have map[int]bool) bool {
		if len(have) == want {
			return true
		}
		if left == 0 || from == len(holders) {
			return false
		}
		if try(from+1, left, have) {
			return true
		}
		more := map[int]bool{}
		for s := range have {
			more[s] = true
		}
		for _, s := range holders[from].Shards {
			more[s] = true
		}
		return try(from+1, left-1, more)
	}
	return try(0, size, map[int]bool{})
}

func TestGreedyCoverCoversLargeGroups(t *testing.T) {
	nodes := make([]string, 20)
	for i := range nodes {
		nodes[i] = fmt.Sprintf("node-%02d", i)
	}
	owners, _ := Place(256, 3, nodes)
	legs, missing := CoveringSet(256, HoldersOf(owners), 7)
	if len(missing) != 0 || len(legs) == len(nodes) {
		t.Fatalf("%d legs, missing %v", len(legs), missing)
	}
}

func TestRangesRoundTrip(t *testing.T) {
	if got := FormatRanges([]int{3, 7, 8, 9, 11, 12}); got != "3,7-9,11,12" {
		t.Fatalf("got %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SliceOfDistinct(rapid.IntRange(0, 99), func(i int) int { return i }).Draw(t, "set")
		slices.Sort(set)
		back, err := ParseRanges(FormatRanges(set), 100)
		if err != nil || !slices.Equal(back, set) {
			t.Fatalf("%v -> %v, %v", set, back, err)
		}
	})
	for _, bad := range []string{"x", "1-", "5-3", "100", "-1", "1,,2", "0-100"} {
		if _, err := ParseRanges(bad, 100); err == nil {
			t.Errorf("ParseRanges(%q) accepted", bad)
		}
	}
}

// A search is planned anew for every request; groups of twelve nodes are the largest that are searched exhaustively.
func BenchmarkCoveringSet(b *testing.B) {
	for _, c := range []struct{ nodes, replicas, shards int }{{3, 1, 64}, {3, 2, 64}, {12, 1, 128}, {12, 2, 128}, {20, 2, 128}} {
		b.Run(fmt.Sprintf("%d-nodes-%d-copies", c.nodes, c.replicas), func(b *testing.B) {
			nodes := make([]string, c.nodes)
			for i := range nodes {
				nodes[i] = fmt.Sprintf("node-%02d", i)
			}
			owners, err := Place(c.shards, c.replicas, nodes)
			if err != nil {
				b.Fatal(err)
			}
			holders := HoldersOf(owners)
			b.ReportAllocs()
			seed := uint64(0)
			for b.Loop() {
				seed += 0x9E3779B97F4A7C15
				if legs, _ := CoveringSet(c.shards, holders, seed); len(legs) == 0 {
					b.Fatal("no legs")
				}
			}
		})
	}
}

// SH-10: placement of 64 shards over 3 nodes and routing of 10,000 ids.
func BenchmarkPlacementAndRouting(b *testing.B) {
	nodes := []string{"node-0", "node-1", "node-2"}
	ids := make([][]byte, 10000)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "document-%d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Place(64, 1, nodes); err != nil {
			b.Fatal(err)
		}
		for _, id := range ids {
			ShardOf(id, 64)
		}
	}
}

// RD-2: over many queries every node gets its share of the shards.
func TestRD2CoveringSetsSpreadLoad(t *testing.T) {
	owners, err := Place(64, 2, []string{"node-0", "node-1", "node-2"})
	if err != nil {
		t.Fatal(err)
	}
	load := map[string]int{}
	const queries = 3000
	for seed := range uint64(queries) {
		legs, _ := CoveringSet(64, HoldersOf(owners), seed*0x9E3779B97F4A7C15)
		for _, l := range legs {
			load[l.Node] += len(l.Shards)
		}
	}
	for node, n := range load {
		if share := float64(n) / (queries * 64); share < 0.30 || share > 0.37 {
			t.Errorf("%s answers for %.0f %% of the shards", node, 100*share)
		}
	}
}
