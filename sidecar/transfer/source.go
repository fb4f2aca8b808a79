package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/journal"
	"github.com/miroir-search/miroir/sidecar/replica"
)

// Errors of transfers.
var (
	ErrNoIndex = errors.New("the routing view places no such index here")
	ErrDirty   = errors.New("the node has no complete copy of the shards")
	ErrQuery   = errors.New("malformed query")
)

// Bounds of one answer.
const (
	maxDocuments = 10_000   // asked for at once
	maxCopies    = 32 << 20 // bytes of documents, after which an answer ends early
)

// Views is where the newest routing view comes from.
type Views interface{ View() *routing.View }

// Node is what both ends of a transfer work with.
type Node struct {
	Engine  *engine.Client
	Journal *journal.Journal
	Replica *replica.Replica
	Views   Views
	Book    *holding.Book
	Scans   chan struct{} // as many scans of shards run at once as it has room
}

// Source gives documents to other nodes. It is safe for concurrent use.
type Source struct{ Node }

// place is an index as this node holds it.
type place struct {
	index  *routing.Index
	shelf  shelf
	shards []int
}

// held finds an index of which the node holds the shards.
func (n Node) held(index, shards string, complete bool) (place, error) {
	view := n.Views.View()
	ix, ok := view.Physical[index]
	if !ok {
		return place{}, ErrNoIndex
	}
	list, err := shardmap.ParseRanges(shards, ix.Shards)
	if err != nil {
		return place{}, errors.Join(ErrQuery, err)
	}
	h := n.Book.In(view, ix)
	if !h.Holds(list) {
		return place{}, ErrNoIndex
	}
	if complete && !h.Answers(list) {
		return place{}, ErrDirty
	}
	return place{ix, shelf{n.Engine, index, ix.PrimaryKey}, list}, nil
}

// Changes lists the documents that changed from a place of the journal on.
func (s *Source) Changes(q nodeapi.ChangesQuery) (nodeapi.Changes, error) {
	var out nodeapi.Changes
	p, err := s.held(q.Index, q.Shards, true)
	if err != nil {
		return out, err
	}
	return s.changes(p, q)
}

func (n Node) changes(p place, q nodeapi.ChangesQuery) (out nodeapi.Changes, err error) {
	if q.From < n.Journal.LowWater(q.Index) {
		return nodeapi.Changes{Behind: true}, nil
	}
	page, err := n.Journal.Changes(q.Index, p.shards, q.From, min(max(q.Limit, 1), maxDocuments))
	if err != nil {
		return out, err
	}
	// The mark may have risen while the page was read.
	if q.From < n.Journal.LowWater(q.Index) {
		return nodeapi.Changes{Behind: true}, nil
	}
	out = nodeapi.Changes{Wide: page.Wide, Through: page.Through, More: page.More}
	for _, c := range page.Changes {
		out.Documents = append(out.Documents, nodeapi.Document{Shard: c.Shard, ID: c.ID})
	}
	return out, nil
}

// Copies writes what the node has of some documents, as lines. It waits until the engine has carried out what the journal
// knows of them.
func (s *Source) Copies(ctx context.Context, w io.Writer, q nodeapi.CopiesQuery) error {
	if len(q.Documents) > maxDocuments {
		return ErrQuery
	}
	p, err := s.held(q.Index, shardmap.FormatRanges(shardsOf(q.Documents)), true)
	if err != nil {
		return err
	}
	sent := 0
	var line []byte
	for some := range slices.Chunk(q.Documents, fetchAtOnce) {
		if sent > maxCopies {
			return nil
		}
		copies, err := s.copies(ctx, p, some)
		if err != nil {
			return err
		}
		for _, c := range copies {
			if line, err = nodeapi.AppendCopy(line[:0], c); err != nil {
				return err
			}
			if _, err := w.Write(line); err != nil {
				return err
			}
			sent += len(line)
		}
	}
	_, err = io.WriteString(w, nodeapi.ListEnd+"\n")
	return err
}

func shardsOf(documents []nodeapi.Document) []int {
	var shards []int
	for _, d := range documents {
		shards = append(shards, d.Shard)
	}
	slices.Sort(shards)
	return slices.Compact(shards)
}

// operations lists the operations of the window on documents, in the order in which the engine carries them out, and the
// last task of theirs; none has one when waits is false.
func (n Node) operations(p place, some []nodeapi.Document) (histories [][]guard.Op, last uint32, waits bool, err error) {
	histories = make([][]guard.Op, len(some))
	for i, d := range some {
		history, err := n.Journal.Operations(p.index.Physical, d.Shard, []byte(d.ID))
		if err != nil {
			return nil, 0, false, err
		}
		for _, k := range history {
			histories[i] = append(histories[i], k.Op)
			last, waits = max(last, k.Task), true
		}
	}
	return histories, last, waits, nil
}

// known reads documents with the operations of the window that made them what they are.
func (n Node) known(ctx context.Context, p place, some []nodeapi.Document) (map[string]stored, [][]guard.Op, error) {
	histories, err := n.carriedOut(ctx, p, some)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(some))
	for i, d := range some {
		ids[i] = d.ID
	}
	found, err := p.shelf.byID(ctx, ids)
	return found, histories, err
}

// carriedOut lists the operations of the window on documents when the engine has carried all of them out.
func (n Node) carriedOut(ctx context.Context, p place, some []nodeapi.Document) ([][]guard.Op, error) {
	for {
		failures := n.Journal.Failures(p.index.Physical)
		histories, last, waits, err := n.operations(p, some)
		if err != nil || !waits {
			return histories, err
		}
		if err := n.passed(ctx, p.index.Physical, last); err != nil {
			return nil, err
		}
		if n.Journal.Failures(p.index.Physical) == failures {
			return histories, nil
		}
	}
}

func (s *Source) copies(ctx context.Context, p place, some []nodeapi.Document) ([]nodeapi.Copy, error) {
	// A copy says to have the effect of all operations up to the floor, which lies above those that name no document: the engine must
	// have carried them out before anything is read.
	floor := guard.Version{Stamp: s.Journal.Floor(p.index.Physical)}
	_, coming := s.Journal.Wides(p.index.Physical)
	wide := s.Journal.Wide(p.index.Physical)
	if wide != (guard.Wide{}) {
		if err := s.passed(ctx, p.index.Physical, wide.Task); err != nil {
			return nil, err
		}
	}
	found, histories, err := s.known(ctx, p, some)
	if err != nil {
		return nil, err
	}
	out := make([]nodeapi.Copy, len(some))
	for i, d := range some {
		out[i].Document = d
		again, ok := guard.Settle(histories[i], wide)
		if out[i].Unsettled = coming || len(again) > 0 || !ok; out[i].Unsettled {
			continue
		}
		document, exists := found[d.ID]
		if exists {
			out[i].Body = document.body
		}
		if err := s.describe(&out[i], p.index.Physical, document.version, histories[i], floor); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// describe says which operations a copy has the effect of.
func (s *Source) describe(c *nodeapi.Copy, index string, version guard.Version, history []guard.Op, floor guard.Version) error {
	made := guard.CopyOf(history)
	if c.Body == nil {
		newest, ok, err := s.Journal.Newest(index, c.Shard, []byte(c.ID))
		if err != nil {
			return fmt.Errorf("describe copy: %w", err)
		}
		switch {
		case ok && newest.Deleted && newest.Compare(made.Version) >= 0:
			c.Deleted, c.Version = true, placeAt(newest.Version)
		case len(history) > 0: // for instance an update of what did not exist
			c.Deleted, c.Version = true, placeAt(made.Version)
		}
		return nil
	}
	c.Version = placeAt(version)
	if made.Floor.Compare(floor) > 0 && made.Floor.Compare(version) <= 0 {
		floor = made.Floor
	}
	c.Floor = placeAt(floor)
	for _, v := range append(made.Includes, made.Version) {
		if v.Compare(version) < 0 && v.Compare(floor) > 0 {
			c.Includes = append(c.Includes, placeAt(v))
		}
	}
	return nil
}
