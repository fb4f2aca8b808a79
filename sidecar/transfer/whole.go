package transfer

import (
	"context"

	"github.com/zeebo/xxh3"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// leafKey stands for the id of a document, leafSum for its leaf. Sixty-four bits of each keep the inventory of a shard with a
// million documents in memory; that two of them meet is a matter of 10⁻⁸, and digests tell it.
type (
	leafKey uint64
	leafSum uint64
)

func keyOf(id []byte) leafKey { return leafKey(xxh3.Hash(id)) }

func sumOf(l nodeapi.Leaf) leafSum { return leafSum(xxh3.HashString(l.Sum)) }

// whole compares one shard's inventory with the source's and takes over what differs.
func (s *step) whole(ctx context.Context, at *cursor) error {
	if at.Shard >= len(s.place.shards) {
		at.Listed = true
		return nil
	}
	shard := s.place.shards[at.Shard]
	own := map[leafKey]leafSum{}
	if err := s.leaves(ctx, s.place, shard, func(l nodeapi.Leaf) error {
		own[keyOf(l.ID)] = sumOf(l)
		return nil
	}); err != nil {
		return err
	}
	var differ []nodeapi.Document
	q := nodeapi.InventoryQuery{Index: s.place.index.Physical, Shard: shard}
	if err := s.source.inventory(ctx, q, func(l nodeapi.Leaf) error {
		key := keyOf(l.ID)
		sum, known := own[key]
		delete(own, key)
		if !known || sum != sumOf(l) {
			differ = append(differ, nodeapi.Document{Shard: shard, ID: string(l.ID)})
		}
		return nil
	}); err != nil {
		return err
	}
	if len(own) > 0 { // what the source does not have
		if err := s.leaves(ctx, s.place, shard, func(l nodeapi.Leaf) error {
			if _, only := own[keyOf(l.ID)]; only {
				differ = append(differ, nodeapi.Document{Shard: shard, ID: string(l.ID)})
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if err := s.take(ctx, differ); err != nil {
		return err
	}
	at.Shard++
	at.Listed = at.Shard == len(s.place.shards)
	return nil
}
