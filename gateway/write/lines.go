package write

import (
	"bytes"
	"errors"
	"io"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// legBuffer is what a leg reads of the spool at once.
const legBuffer = 128 << 10

// lines reads those lines of framed documents that belong to some shards, in the order of the payload: the engine numbers
// documents as they come, and merged answers rely on that order being the same on all nodes.
type lines struct {
	src    io.Reader
	wanted []bool // by shard
	buf    []byte
	held   int  // bytes of buf that hold lines
	at     int  // of them, those that were passed
	ready  int  // up to here the line at hand is wanted
	inside bool // a wanted line did not end yet
	skip   bool // a line that is not wanted did not end yet
	err    error
}

func newLines(src io.Reader, shards []int, count int) *lines {
	l := &lines{src: src, wanted: make([]bool, count), buf: make([]byte, legBuffer)}
	for _, s := range shards {
		if s < count {
			l.wanted[s] = true
		}
	}
	return l
}

// Read implements io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if l.at < l.ready {
			c := copy(p[n:], l.buf[l.at:l.ready])
			n, l.at = n+c, l.at+c
			continue
		}
		if n > 0 && l.at == l.held {
			break
		}
		if err := l.seek(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// seek passes lines that are not wanted, and finds how far the wanted one at hand goes in the buffer.
func (l *lines) seek() error {
	if l.at == l.held {
		return l.fill(0)
	}
	rest := l.buf[l.at:l.held]
	if !l.inside && !l.skip {
		shard, ok := shardOf(rest)
		if !ok {
			return l.fill(copy(l.buf, rest)) // a line's head on the border of the buffer
		}
		l.inside, l.skip = l.wanted[shard], !l.wanted[shard]
	}
	end, done := len(rest), false
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		end, done = i+1, true
	}
	l.ready = l.at + end
	if l.skip {
		l.at = l.ready
	}
	if done {
		l.inside, l.skip = false, false
	}
	return nil
}

// fill reads behind the first kept bytes of the buffer.
func (l *lines) fill(kept int) error {
	if l.err != nil {
		if kept > 0 && errors.Is(l.err, io.EOF) {
			return nodeapi.ErrDocumentLine
		}
		return l.err
	}
	n, err := l.src.Read(l.buf[kept:])
	l.held, l.at, l.ready, l.err = kept+n, 0, 0, err
	return nil
}

// shardOf reads the shard at the beginning of a line; ok is false while the line's head is not complete.
func shardOf(line []byte) (shard int, ok bool) {
	for _, c := range line {
		if c < '0' || c > '9' {
			return shard, true
		}
		shard = shard*10 + int(c-'0')
	}
	return 0, false
}
