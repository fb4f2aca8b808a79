package strip

import (
	"bytes"
	"io"
	"sync"
)

var scanners = sync.Pool{New: func() any {
	return &scanner{buf: make([]byte, window), out: make([]byte, 0, window)}
}}

// Copy streams an answer of the given kind from src to dst without what clients must not see. After an error part of
// the answer may have been written.
func Copy(dst io.Writer, src io.Reader, kind Kind, names Names) error {
	s, _ := scanners.Get().(*scanner)
	*s = scanner{src: src, dst: dst, buf: s.buf, out: s.out[:0], names: names, seen: s.seen, tight: kind.marked(), stamp: s.stamp}
	err := s.run(rules[kind])
	if len(s.buf) <= window {
		s.src, s.dst, s.names = nil, nil, nil
		scanners.Put(s)
	}
	return err
}

// Bytes does the same for an answer that is in memory.
func Bytes(body []byte, kind Kind, names Names) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(body))
	err := Copy(&out, bytes.NewReader(body), kind, names)
	return out.Bytes(), err
}
