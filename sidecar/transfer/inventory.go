package transfer

import (
	"context"
	"io"
	"slices"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/digest"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// Digest sums up a shard.
func (s *Source) Digest(ctx context.Context, q nodeapi.InventoryQuery) (nodeapi.ShardDigest, error) {
	p, l, err := s.asked(q)
	if err != nil {
		return nodeapi.ShardDigest{}, err
	}
	return s.digest(ctx, p, q.Shard, l, q.Expired)
}

// asked finds what an inventory or a digest is asked of.
func (s *Source) asked(q nodeapi.InventoryQuery) (place, look, error) {
	l, err := lookOf(q)
	if err != nil {
		return place{}, l, err
	}
	p, err := s.held(q.Index, shardmap.FormatRanges([]int{q.Shard}), true)
	return p, l, err
}

func (n Node) digest(ctx context.Context, p place, shard int, l look, expired uint64) (nodeapi.ShardDigest, error) {
	var d digest.Digest
	var newest guard.Version
	var left uint64
	err := n.scan(ctx, p, shard, l, func(leaf nodeapi.Leaf) error {
		if leaf.Expires > 0 && leaf.Expires <= expired {
			left++
			return nil
		}
		if v := versionAt(leaf.Version); v.Compare(newest) > 0 {
			newest = v
		}
		sum, _ := digest.Parse(leaf.Sum)
		d.Add(leaf.ID, sum)
		return nil
	})
	out := d.Shard()
	out.Newest, out.Low, out.Expired = placeAt(newest), n.Journal.LowWater(p.index.Physical), left
	return out, err
}

// Inventory writes a leaf of every document of a shard, as lines. A journaled one has, besides, what only the journal
// knows: deletions, and versions that the engine does not show.
func (s *Source) Inventory(ctx context.Context, w io.Writer, q nodeapi.InventoryQuery) error {
	p, l, err := s.asked(q)
	if err != nil {
		return err
	}
	var line []byte
	write := func(leaf nodeapi.Leaf) error {
		line = nodeapi.AppendLeaf(line[:0], leaf)
		_, err := w.Write(line)
		return err
	}
	known, err := s.journaled(ctx, p, q, l)
	if err != nil {
		return err
	}
	if err := s.scan(ctx, p, q.Shard, l, func(leaf nodeapi.Leaf) error {
		if n, ok := known[string(leaf.ID)]; ok && !n.Deleted && n.Compare(versionAt(leaf.Version)) <= 0 {
			delete(known, string(leaf.ID))
		}
		return write(leaf)
	}); err != nil {
		return err
	}
	for id, n := range known {
		if err := write(knownLeaf([]byte(id), n)); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, nodeapi.ListEnd+"\n")
	return err
}

// journaled lists what the journal knows of the documents of a shard. The engine has carried out all of it, or lost it.
func (s *Source) journaled(ctx context.Context, p place, q nodeapi.InventoryQuery, l look) (known map[string]journal.Newest, err error) {
	for q.Journaled {
		failures := s.Journal.Failures(p.index.Physical)
		known = map[string]journal.Newest{}
		if err := s.Journal.EachNewest(p.index.Physical, q.Shard, func(id []byte, n journal.Newest) error {
			if l.wants(id) {
				known[string(id)] = n
			}
			return nil
		}); err != nil {
			return nil, err
		}
		if err := s.drained(ctx, p.index.Physical); err != nil {
			return nil, err
		}
		if s.Journal.Failures(p.index.Physical) == failures {
			break
		}
	}
	return known, nil
}

func knownLeaf(id []byte, n journal.Newest) nodeapi.Leaf {
	l := nodeapi.Leaf{Kind: nodeapi.LeafKnown, ID: id, Version: placeAt(n.Version)}
	if n.Deleted {
		l.Kind = nodeapi.LeafDeleted
	}
	return l
}

// Leaves writes what the node has of some documents, as lines, one or two a document: what the engine shows, and what
// else the journal knows. It waits until the engine has carried out all that it had for the index: what names no document
// may be about these.
func (s *Source) Leaves(ctx context.Context, w io.Writer, q nodeapi.LeavesQuery) error {
	if len(q.Documents) > maxDocuments {
		return ErrQuery
	}
	p, err := s.held(q.Index, shardmap.FormatRanges(shardsOf(q.Documents)), true)
	if err != nil {
		return err
	}
	if err := s.drained(ctx, q.Index); err != nil {
		return err
	}
	var lines []byte
	for some := range slices.Chunk(q.Documents, fetchAtOnce) {
		found, histories, err := s.known(ctx, p, some)
		if err != nil {
			return err
		}
		lines = lines[:0]
		for i, d := range some {
			document, exists := found[d.ID]
			leaves, err := s.leaves(p, d, document, exists, histories[i], look{light: q.Light})
			if err != nil {
				return err
			}
			for _, leaf := range leaves {
				lines = nodeapi.AppendLeaf(lines, leaf)
			}
		}
		if _, err := w.Write(lines); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, nodeapi.ListEnd+"\n")
	return err
}

// leaves is what the node has of one document.
func (s *Source) leaves(p place, d nodeapi.Document, document stored, exists bool, history []guard.Op, l look) (list []nodeapi.Leaf, err error) {
	id := []byte(d.ID)
	if again, ok := guard.Settle(history, s.Journal.Wide(p.index.Physical)); len(again) > 0 || !ok {
		return []nodeapi.Leaf{{Kind: nodeapi.LeafUnsettled, ID: id}}, nil
	}
	if exists {
		leaf, err := l.leafOf(id, document)
		if err != nil {
			return nil, err
		}
		list = append(list, leaf)
	}
	n, ok, err := s.Journal.Newest(p.index.Physical, d.Shard, id)
	if err != nil {
		return nil, err
	}
	if ok && (n.Deleted || !exists || n.Compare(document.version) > 0) {
		list = append(list, knownLeaf(id, n))
	}
	if len(list) == 0 {
		list = append(list, nodeapi.Leaf{Kind: nodeapi.LeafAbsent, ID: id})
	}
	return list, nil
}
