package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/digest"
)

// listAtOnce is about how many documents of a shard are listed in one step.
const listAtOnce = 20_000

// leafKey stands for the id of a document, leafSum for its leaf. Sixty-four bits of each keep what is listed at once small;
// that two of them meet is a matter of 10⁻⁸, and digests tell it.
type (
	leafKey uint64
	leafSum uint64
)

func keyOf(id []byte) leafKey { return leafKey(xxh3.Hash(id)) }

func sumOf(l nodeapi.Leaf) leafSum { return leafSum(xxh3.HashString(l.Sum)) }

// tree is where the comparison of one shard stands.
type tree struct {
	Buckets []int `json:"buckets"`         // that differ, and were not looked at yet
	Light   bool  `json:"light,omitempty"` // this node had no document of the shard
	AtOnce  int   `json:"at_once"`         // buckets of a step
}

// stepTime is how long a step goes on to the next shard: what it wrote is waited for at its end, which takes as long for one small shard as
// for many.
const stepTime = 5 * time.Second

// wholes compares shards with the source's until a step is full.
func (s *step) wholes(ctx context.Context, limit int, at *cursor) error {
	for begun := time.Now(); ; {
		if err := s.whole(ctx, at); err != nil || at.Listed || s.out.Examined >= limit || time.Since(begun) > stepTime {
			return err
		}
	}
}

// whole compares one shard with the source's and takes over what differs: digests first, then, some buckets a step,
// the documents of the buckets that differ.
func (s *step) whole(ctx context.Context, at *cursor) error {
	if at.Shard >= len(s.place.shards) {
		at.Listed = true
		return nil
	}
	shard := s.place.shards[at.Shard]
	if at.Tree == nil {
		var err error
		if at.Tree, err = s.compare(ctx, shard); err != nil {
			return err
		}
	}
	t := at.Tree
	if n := min(t.AtOnce, len(t.Buckets)); n > 0 {
		differ, err := s.differing(ctx, shard, look{light: t.Light, rate: s.rate, settled: s.settled}, t.Buckets[:n])
		if err != nil {
			return err
		}
		if err := s.take(ctx, differ); err != nil {
			return err
		}
		t.Buckets = t.Buckets[n:]
	}
	if len(t.Buckets) == 0 {
		at.Tree = nil
		at.Shard++
		at.Listed = at.Shard == len(s.place.shards)
	}
	return nil
}

// compare finds the buckets in which this node's copy and the source's differ, which both read at the same time. When this node has
// nothing, contents need no look.
func (s *step) compare(ctx context.Context, shard int) (*tree, error) {
	// What was accepted before the repair began must show on both sides. Waiting for the queues once is enough: what comes later, and only
	// one side takes, makes its copy dirty anew.
	settled := s.settled
	count, err := s.Engine.CountMatching(ctx, s.place.index.Physical, nodeapi.ShardFilter([]int{shard}))
	if err != nil {
		return nil, err
	}
	none := count == 0
	t := &tree{Light: none}
	var theirs nodeapi.ShardDigest
	asked := make(chan error, 1)
	go func() {
		q := nodeapi.InventoryQuery{Index: s.place.index.Physical, Shard: shard, Light: none, Rate: s.rate, Settled: settled}
		var err error
		theirs, err = s.source.digest(ctx, q)
		asked <- err
	}()
	mine, err := s.digest(ctx, s.place, shard, look{light: none, rate: s.rate, settled: settled}, 0)
	if err = errors.Join(err, <-asked); err != nil {
		return nil, err
	}
	s.settled = true
	known := theirs.Scheme == mine.Scheme && len(theirs.Buckets) == digest.Buckets && len(theirs.Counts) == digest.Buckets
	for b := range digest.Buckets {
		if !known || mine.Buckets[b] != theirs.Buckets[b] || mine.Counts[b] != theirs.Counts[b] {
			t.Buckets = append(t.Buckets, b)
		}
	}
	t.AtOnce = max(1, int(digest.Buckets*listAtOnce/(max(mine.Count, theirs.Count)+1))) //nolint:gosec // small
	return t, nil
}

// differing lists the documents of some buckets that differ, and those that only one side has.
func (s *step) differing(ctx context.Context, shard int, l look, buckets []int) (differ []nodeapi.Document, err error) {
	q := nodeapi.InventoryQuery{Index: s.place.index.Physical, Shard: shard, Light: l.light, Buckets: buckets, Rate: l.rate, Settled: l.settled}
	if l, err = lookOf(q); err != nil {
		return nil, err
	}
	own := map[leafKey]leafSum{}
	if err := s.scan(ctx, s.place, shard, l, func(leaf nodeapi.Leaf) error {
		own[keyOf(leaf.ID)] = sumOf(leaf)
		return nil
	}); err != nil {
		return nil, err
	}
	if err := s.source.inventory(ctx, q, func(leaf nodeapi.Leaf) error {
		key := keyOf(leaf.ID)
		sum, known := own[key]
		delete(own, key)
		if !known || sum != sumOf(leaf) {
			differ = append(differ, nodeapi.Document{Shard: shard, ID: string(leaf.ID)})
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return differ, nil
	}
	l.light = true // ids are all that is needed of what the source does not have
	err = s.scan(ctx, s.place, shard, l, func(leaf nodeapi.Leaf) error {
		if _, only := own[keyOf(leaf.ID)]; only {
			differ = append(differ, nodeapi.Document{Shard: shard, ID: string(leaf.ID)})
		}
		return nil
	})
	return differ, err
}
