package write

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Batch is a checked payload: its documents framed as lines of legs, in the order in which they came.
type Batch struct {
	Received   int           // documents in the payload
	PrimaryKey string        // the key their ids stand under; empty when the payload is empty and none was known
	Failure    *apierr.Error // the first bad document's error, which fails the task; no lines are kept then
	lines      spool
	sizes      map[int]int64 // bytes of the lines of each shard
	shards     int
	line       []byte
}

// Options are what a payload is read by.
type Options struct {
	Shards     int
	PrimaryKey string // known or given; inferred from the first document when empty
}

// Read cuts and checks a whole payload. The error is one that the request is refused with at once; an error that fails
// the task stands in the batch.
func Read(f Format, payload []byte, o Options) (*Batch, *apierr.Error) {
	b := &Batch{PrimaryKey: o.PrimaryKey, sizes: map[int]int64{}, shards: o.Shards, lines: spool{limit: 1 << 62}}
	var reserved *apierr.Error
	e := f.Cut(payload, func(document []byte) {
		if reserved == nil {
			reserved = b.add(document)
		}
	})
	switch {
	case e != nil:
		return nil, e
	case reserved != nil:
		return nil, reserved
	case b.Failure != nil:
		b.lines, b.sizes = spool{}, nil
	}
	return b, nil
}

func (b *Batch) add(document []byte) *apierr.Error {
	b.Received++
	if name := reservedName(document); name != "" {
		return meili.ReservedField(name)
	}
	if b.Failure != nil {
		return nil
	}
	if b.PrimaryKey == "" {
		if b.PrimaryKey, b.Failure = meili.InferPrimaryKey(document); b.Failure != nil {
			return nil
		}
	}
	id, e := meili.FindID(document, b.PrimaryKey)
	if e != nil {
		b.Failure = e
		return nil
	}
	shard := shardmap.ShardOf(id, b.shards)
	b.line = nodeapi.AppendDocument(b.line[:0], nodeapi.Line{
		Shard: shard, Position: uint64(b.Received - 1), ID: id, Document: oneLine(document), //nolint:gosec // counted from 1
	})
	b.sizes[shard] += int64(len(b.line))
	_, _ = b.lines.Write(b.line)
	return nil
}

// reservedName is the first reserved name among the document's top-level keys, RS-1.
func reservedName(document []byte) (found string) {
	if !bytes.Contains(document, []byte(nodeapi.ReservedPrefix)) && !bytes.Contains(document, []byte(`\u`)) {
		return ""
	}
	rawjson.EachMember(document, func(key, _ []byte) bool {
		if name, ok := rawjson.Unquote(key); ok && nodeapi.IsReserved(name) {
			found = name
		}
		return found == ""
	})
	return found
}

// oneLine replaces line breaks, which can only stand between tokens, by spaces.
func oneLine(document []byte) []byte {
	if bytes.IndexByte(document, '\n') < 0 && bytes.IndexByte(document, '\r') < 0 {
		return document
	}
	out := bytes.Clone(document)
	for i, c := range out {
		if c == '\n' || c == '\r' {
			out[i] = ' '
		}
	}
	return out
}

// Shards lists the shards that the batch touches, ascending.
func (b *Batch) Shards() []int { return slices.Sorted(maps.Keys(b.sizes)) }

// Body is the leg body for a node that holds the given shards, with its length in bytes.
func (b *Batch) Body(shards []int) (io.Reader, int64) {
	var size int64
	for _, s := range shards {
		size += b.sizes[s]
	}
	return newLines(io.NewSectionReader(&b.lines, 0, b.lines.size()), shards, b.shards), size
}
