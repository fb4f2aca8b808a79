package stamp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/span"
)

// Errors that end a stream.
var (
	ErrLine       = errors.New("malformed document line")
	ErrWrongShard = errors.New("document does not belong to the shard of its line")
	ErrReserved   = errors.New("document carries a reserved field")
	ErrTooLong    = errors.New("document line is too long")
)

const (
	buffer  = 64 << 10
	maxLine = 101 << 20 // the largest body that clients may send, and its frame
)

// Leg is what the stream must agree with.
type Leg struct {
	Shards     []int     // shards the leg answers for
	Count      int       // shards of the index
	PrimaryKey string    // name of the id's field
	Stamp      hlc.Stamp // of the write; 0: its sender gives none, and documents get none
}

// Taker is told every stamped document before the engine gets it. A document that it does not keep is left out. End comes
// once, before the engine gets the end of the stream; its error, like any of Take, ends the stream.
type Taker interface {
	Take(shard int, id []byte, position uint64, document []byte) (keep bool, err error)
	End() error
}

// Reader reads stamped NDJSON. One goroutine reads; Documents, Bytes and Err may be asked by any.
type Reader struct {
	docs   atomic.Int64
	in     atomic.Int64
	failed atomic.Pointer[error]

	src     *bufio.Reader
	allowed []bool
	count   int
	stamp   hlc.Stamp
	key     []byte
	line    []byte // a line longer than the buffer
	out     []byte
	sent    int
	err     error
	id      []byte // of the line at work
	strange bool   // the last member under the key's name is not that id
	check   func(key, value []byte) error
	taker   Taker
}

// NewReader stamps the lines of src.
func NewReader(src io.Reader, leg Leg) *Reader {
	r := &Reader{
		src: bufio.NewReaderSize(src, buffer), allowed: make([]bool, leg.Count), count: leg.Count,
		stamp: leg.Stamp, key: []byte(leg.PrimaryKey), out: make([]byte, 0, buffer+buffer/2),
	}
	for _, s := range leg.Shards {
		if s < leg.Count {
			r.allowed[s] = true
		}
	}
	r.check = r.examine
	return r
}

// Through makes every document pass a taker. It is called before the first one is read.
func (r *Reader) Through(t Taker) { r.taker = t }

// Empty says whether the stream ends without a document. It reads the first ones.
func (r *Reader) Empty() (bool, error) {
	r.fill()
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return false, r.err
	}
	return r.err != nil && len(r.out) == 0, nil
}

// Documents is how many documents went through.
func (r *Reader) Documents() int { return int(r.docs.Load()) }

// Bytes is how many bytes of lines were read.
func (r *Reader) Bytes() int64 { return r.in.Load() }

// Err is why the stream ended early; nil when it did not.
func (r *Reader) Err() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.sent == len(r.out) {
		r.fill()
		if len(r.out) == 0 || (r.err != nil && !errors.Is(r.err, io.EOF)) {
			return 0, r.err // what was stamped before a bad line is not sent: the stream is void
		}
	}
	n := copy(p, r.out[r.sent:])
	r.sent += n
	return n, nil
}

// fill stamps the next documents.
func (r *Reader) fill() {
	r.out, r.sent = r.out[:0], 0
	for r.err == nil && len(r.out) < buffer {
		r.err = r.step()
		if errors.Is(r.err, io.EOF) && r.taker != nil {
			if err := r.taker.End(); err != nil {
				r.err = err
			}
		}
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			r.failed.Store(&r.err)
		}
	}
}

// step stamps the next line.
func (r *Reader) step() error {
	line, err := r.next()
	if err != nil {
		return err
	}
	r.in.Add(int64(len(line)) + 1)
	l, err := nodeapi.SplitDocument(line)
	if err != nil {
		return ErrLine
	}
	if l.Shard >= r.count || !r.allowed[l.Shard] || shardmap.ShardOf(l.ID, r.count) != l.Shard {
		return ErrWrongShard
	}
	r.id, r.strange = l.ID, false
	if err := span.Members(l.Document, r.check); err != nil {
		if errors.Is(err, span.ErrSyntax) {
			return ErrLine
		}
		return err
	}
	if r.strange {
		return ErrWrongShard
	}
	begin := len(r.out)
	r.splice(l)
	if r.taker != nil {
		keep, err := r.taker.Take(l.Shard, l.ID, l.Position, r.out[begin:])
		if err != nil {
			return err
		}
		if !keep {
			r.out = r.out[:begin]
			return nil
		}
	}
	r.docs.Add(1)
	return nil
}

// next is the next line without its end.
func (r *Reader) next() ([]byte, error) {
	part, err := r.src.ReadSlice('\n')
	if err == nil {
		return part[:len(part)-1], nil
	}
	r.line = r.line[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		if r.line = append(r.line, part...); len(r.line) > maxLine {
			return nil, ErrTooLong
		}
		part, err = r.src.ReadSlice('\n')
	}
	switch {
	case err == nil:
		r.line = append(r.line, part[:len(part)-1]...)
		return r.line, nil
	case errors.Is(err, io.EOF) && len(part) == 0 && len(r.line) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, ErrLine // the last line was cut off: its sender went away
	}
	return nil, fmt.Errorf("read documents: %w", err)
}

var reservedPrefix = []byte(nodeapi.ReservedPrefix)

// examine looks at one top-level member. Of members that repeat the engine takes the last.
func (r *Reader) examine(key, value []byte) error {
	name, err := span.Text(key)
	if err != nil {
		return ErrLine
	}
	if bytes.HasPrefix(name, reservedPrefix) && nodeapi.IsReserved(string(name)) {
		return ErrReserved
	}
	if !bytes.Equal(name, r.key) {
		return nil
	}
	if len(value) > 0 && value[0] == '"' {
		if value, err = span.Text(value); err != nil {
			return ErrLine
		}
	}
	r.strange = !bytes.Equal(value, r.id)
	return nil
}

// splice appends the document with its reserved fields before the closing brace, and a line feed.
func (r *Reader) splice(l nodeapi.Line) {
	body := bytes.TrimRight(l.Document, " \t\r")
	body = body[:len(body)-1]
	r.out = append(r.out, body...)
	if last := bytes.TrimRight(body, " \t\r"); last[len(last)-1] != '{' || len(bytes.TrimLeft(last, " \t\r")) > 1 {
		r.out = append(r.out, ',')
	}
	r.out = append(r.out, `"`+nodeapi.FieldShard+`":"`...)
	r.out = nodeapi.AppendSymbols(r.out, uint64(l.Shard), nodeapi.ShardDigits) //nolint:gosec // below MaxShards
	if r.stamp > 0 {
		r.out = append(r.out, `","`+nodeapi.FieldUpdatedAt+`":"`...)
		r.out = nodeapi.AppendStamp(r.out, r.stamp, l.Position)
	}
	r.out = append(r.out, "\"}\n"...)
}
