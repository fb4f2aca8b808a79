package strip

import (
	"errors"
	"fmt"
	"io"
)

// Errors of the scanner.
var (
	ErrSyntax  = errors.New("answer is not valid JSON")
	ErrTooLong = errors.New("a name or text in the answer is too long")
)

const (
	window   = 64 << 10 // bytes read and written at once
	maxToken = 8 << 20  // longest key or text that must be looked at as a whole
	maxDepth = 10000    // as deep as encoding/json reads
)

// scanner reads JSON through a window. Bytes from mark to pos are pending: they are copied to the output when the
// window moves, unless drop is set. While hold is not negative, the bytes from hold on stay in the window.
type scanner struct {
	src   io.Reader
	dst   io.Writer
	buf   []byte
	pos   int
	end   int
	mark  int
	hold  int
	depth int
	drop  bool
	out   []byte
	names Names
	seen  []byte // scratch for decoded keys
	tight bool   // no white space between tokens is copied
	stamp []byte // of the object at hand, where stamps are kept
}

// fail ends the walk; run recovers it. A panic keeps the byte loop free of error checks.
type fail struct{ err error }

func (s *scanner) run(r *rule) (err error) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(fail)
			if !ok {
				panic(p)
			}
			err = f.err
		}
	}()
	s.hold = -1
	if !s.space() {
		return nil // an empty body stays empty
	}
	s.value(r)
	if s.space() {
		s.syntax()
	}
	s.settle()
	s.flush()
	return nil
}

func (s *scanner) syntax() { panic(fail{ErrSyntax}) }

// more brings further bytes into the window; false at the end of the input.
func (s *scanner) more() bool {
	keep := s.pos
	if s.hold >= 0 {
		keep = s.hold
	} else {
		s.settle()
	}
	if keep > 0 {
		copy(s.buf, s.buf[keep:s.end])
		s.pos -= keep
		s.end -= keep
		s.mark -= keep
		if s.hold >= 0 {
			s.hold -= keep
		}
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= maxToken {
			panic(fail{ErrTooLong})
		}
		grown := make([]byte, 2*len(s.buf))
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
	for range 100 {
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		if n > 0 {
			return true
		}
		if err == io.EOF {
			return false
		}
		if err != nil {
			panic(fail{fmt.Errorf("read answer: %w", err)})
		}
	}
	panic(fail{io.ErrNoProgress})
}

// settle hands the pending bytes over to the output, or forgets them while drop is set.
func (s *scanner) settle() {
	if !s.drop && s.pos > s.mark {
		s.write(s.buf[s.mark:s.pos])
	}
	s.mark = s.pos
}

func (s *scanner) write(b []byte) {
	if len(s.out)+len(b) > window && len(s.out) > 0 {
		s.flush()
	}
	s.out = append(s.out, b...)
}

func (s *scanner) flush() {
	if len(s.out) == 0 {
		return
	}
	if _, err := s.dst.Write(s.out); err != nil {
		panic(fail{err})
	}
	s.out = s.out[:0]
}

// peek is the next byte; the input must not end here.
func (s *scanner) peek() byte {
	if s.pos == s.end && !s.more() {
		s.syntax()
	}
	return s.buf[s.pos]
}

// space skips white space; false at the end of the input.
func (s *scanner) space() bool {
	for {
		for s.pos < s.end {
			switch s.buf[s.pos] {
			case ' ', '\t', '\n', '\r':
				if !s.tight {
					s.pos++
					continue
				}
				s.settle()
				s.pos++
				s.mark = s.pos
			default:
				return true
			}
		}
		if !s.more() {
			return false
		}
	}
}

// token skips white space and returns the byte after it.
func (s *scanner) token() byte {
	if !s.space() {
		s.syntax()
	}
	return s.buf[s.pos]
}
