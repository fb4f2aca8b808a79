package dumps

import (
	"bufio"
	"bytes"
	"container/heap"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// orderMark stands between the stamp of a document and the document, in the file of a shard.
const orderMark = '\t'

// ordered is how many bytes of a line are not the document's.
const ordered = nodeapi.StampBytes + 1

// shardBuffer is the read buffer of one shard; an index may have thousands.
const shardBuffer = 16 << 10

// merged reads the documents of all shards of an index in the order in which they were written, so that whoever loads the
// dump numbers them as one node would have.
type merged struct {
	ctx   context.Context //nolint:containedctx // a reader has no other way to stop early
	heads heads
	rest  []byte // of the line at work
	size  int64  // of all documents with their line feeds
	lines int64
}

// head is the next line of a shard.
type head struct {
	file  *os.File
	lines *bufio.Reader
	line  []byte
	spare []byte // where the line after goes, while this one is read
	shard int
}

// heads is a heap by stamp, then by shard.
type heads []*head

func (h heads) Len() int      { return len(h) }
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h heads) Less(i, j int) bool {
	if c := bytes.Compare(h[i].line[:ordered], h[j].line[:ordered]); c != 0 {
		return c < 0
	}
	return h[i].shard < h[j].shard
}

// Push implements heap.Interface.
func (h *heads) Push(x any) {
	if one, ok := x.(*head); ok {
		*h = append(*h, one)
	}
}

// Pop implements heap.Interface.
func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// merge opens the files of an index's shards.
func merge(ctx context.Context, have map[int]shard) (*merged, error) {
	m := &merged{ctx: ctx}
	for _, n := range slices.Sorted(maps.Keys(have)) {
		m.size += have[n].size - have[n].lines*ordered
		m.lines += have[n].lines
		f, err := os.Open(have[n].path)
		if err != nil {
			return nil, errors.Join(diskError{err}, m.Close())
		}
		one := &head{file: f, lines: bufio.NewReaderSize(f, shardBuffer), shard: n}
		m.heads = append(m.heads, one)
	}
	all := m.heads
	m.heads = nil
	for i, one := range all {
		more, err := one.next()
		if err != nil {
			m.heads = append(m.heads, all[i:]...)
			return nil, errors.Join(err, m.Close())
		}
		if more {
			m.heads = append(m.heads, one)
		}
	}
	heap.Init(&m.heads)
	return m, nil
}

// next moves on to the next line; false at the end, when the file is closed.
func (h *head) next() (bool, error) {
	var err error
	h.line, err = readLine(h.lines, h.line[:0])
	switch {
	case err == nil && len(h.line) > ordered:
		return true, nil
	case errors.Is(err, io.EOF) && len(h.line) == 0:
		return false, onDisk(h.file.Close())
	case err == nil:
		err = io.ErrUnexpectedEOF
	}
	return false, diskError{err}
}

// readLine appends a whole line, its line feed included.
func readLine(from *bufio.Reader, dst []byte) ([]byte, error) {
	for {
		part, err := from.ReadSlice('\n')
		dst = append(dst, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return dst, err
		}
	}
}

func (m *merged) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.ctx.Err() != nil {
			return 0, context.Cause(m.ctx)
		}
		if err := m.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// advance makes the least of all lines the one at work.
func (m *merged) advance() error {
	if len(m.heads) == 0 {
		return io.EOF
	}
	least := m.heads[0]
	m.rest = least.line[ordered:]
	least.line, least.spare = least.spare, least.line
	more, err := least.next()
	switch {
	case err != nil:
		return err
	case more:
		heap.Fix(&m.heads, 0)
	default:
		heap.Pop(&m.heads)
	}
	return nil
}

// Close closes the files that are not read to their end.
func (m *merged) Close() error {
	var err error
	for _, one := range m.heads {
		err = errors.Join(err, one.file.Close())
	}
	m.heads = nil
	return onDisk(err)
}
