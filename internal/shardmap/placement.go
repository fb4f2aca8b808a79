package shardmap

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Limits of the model (spec §1.1, SH-0).
const (
	MaxShards            = 4096
	MaxReplicas          = 5
	MaxGroups            = 16
	MaxPlacementCopies   = 32768
	DefaultShards        = 64
	DefaultReplicaGroups = 1
)

// ErrTooFewNodes says that a group has fewer nodes than copies are wanted of every shard.
var ErrTooFewNodes = errors.New("fewer nodes than replicas")

// Rank orders the nodes by preference for a shard: descending score, equal scores by ascending node id (SH-4).
// The argument is not modified.
func Rank(shard int, nodes []string) []string {
	type scored struct {
		node  string
		score uint64
	}
	all := make([]scored, len(nodes))
	for i, n := range nodes {
		all[i] = scored{n, Score(shard, n)}
	}
	slices.SortFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.node, b.node))
	})
	ranked := make([]string, len(all))
	for i, s := range all {
		ranked[i] = s.node
	}
	return ranked
}

// Owners is the placement of one group: Owners[shard] lists the nodes that hold the shard, best-ranked first.
type Owners [][]string

// Place gives every shard its replicas best-ranked nodes that still have room, with room = ⌈shards·replicas/nodes⌉
// copies on each node, shards taken in the order of their hash (SH-6a). Where the bound leaves the last shards fewer
// than replicas distinct nodes, a copy is swapped with an earlier shard so that the bound holds for every node.
func Place(shards, replicas int, nodes []string) (Owners, error) {
	if shards < 1 || shards > MaxShards {
		return nil, fmt.Errorf("shards %d: want 1 to %d", shards, MaxShards)
	}
	if replicas < 1 || replicas > len(nodes) {
		return nil, fmt.Errorf("%d replicas on %d nodes: %w", replicas, len(nodes), ErrTooFewNodes)
	}
	room := (shards*replicas + len(nodes) - 1) / len(nodes)
	b := builder{room: room, load: make(map[string]int, len(nodes)), owners: make(Owners, shards)}
	for _, shard := range hashOrder(shards) {
		b.fill(shard, replicas, Rank(shard, nodes))
	}
	return b.owners, nil
}

// hashOrder lists the shards by the hash of their number, so that no node gets the low shards because of their number.
func hashOrder(shards int) []int {
	order := make([]int, shards)
	for i := range order {
		order[i] = i
	}
	hash := func(s int) uint64 {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(s)) //nolint:gosec // bounded by MaxShards
		return xxhash.Sum64(b[:])
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(hash(a), hash(b)), cmp.Compare(a, b))
	})
	return order
}

type builder struct {
	room   int
	load   map[string]int
	owners Owners
	done   []int // shards already placed, in order
}

func (b *builder) fill(shard, replicas int, ranked []string) {
	for _, n := range ranked {
		if len(b.owners[shard]) == replicas {
			break
		}
		if b.load[n] < b.room {
			b.give(shard, n)
		}
	}
	for len(b.owners[shard]) < replicas {
		b.swapIn(shard, ranked)
	}
	rankOwners(b.owners[shard], ranked)
	b.done = append(b.done, shard)
}

func (b *builder) give(shard int, node string) {
	b.owners[shard] = append(b.owners[shard], node)
	b.load[node]++
}

// swapIn frees room on a full node for shard: the latest placed shard that holds a full node which shard lacks hands
// that copy to a node with room that it lacks itself. Such a pair exists because the total room covers all copies.
func (b *builder) swapIn(shard int, ranked []string) {
	for _, full := range ranked {
		if slices.Contains(b.owners[shard], full) {
			continue
		}
		for i := len(b.done) - 1; i >= 0; i-- {
			other := b.owners[b.done[i]]
			at := slices.Index(other, full)
			if at < 0 {
				continue
			}
			for _, free := range ranked {
				if b.load[free] < b.room && !slices.Contains(other, free) {
					other[at] = free
					b.load[free]++
					b.owners[shard] = append(b.owners[shard], full)
					rankOwners(other, Rank(b.done[i], ranked))
					return
				}
			}
		}
	}
	// Unreachable while replicas ≤ nodes; taking the best-ranked node keeps every shard complete even so.
	for _, n := range ranked {
		if !slices.Contains(b.owners[shard], n) {
			b.give(shard, n)
			return
		}
	}
}

func rankOwners(owners, ranked []string) {
	slices.SortFunc(owners, func(a, b string) int {
		return cmp.Compare(slices.Index(ranked, a), slices.Index(ranked, b))
	})
}
