package merge

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// ErrAnswer is returned for a leg body that is not the answer it should be (cut off, not JSON, members missing).
var ErrAnswer = errors.New("merge: malformed leg answer")

const (
	swarLow   = 0x0101010101010101
	swarHigh  = 0x8080808080808080
	swarQuote = 0x2222222222222222
	swarSlash = 0x5c5c5c5c5c5c5c5c
)

// The scanner trusts that a body is JSON and only looks for structure: every function takes a position and gives the
// position behind what it skipped, or -1 when the bytes end too early. It never reads outside of b.

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	return i
}

// skipString takes the position of an opening quote and gives the position behind the closing one.
func skipString(b []byte, i int) int {
	i++
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		q := w ^ swarQuote
		s := w ^ swarSlash
		m := ((q-swarLow)&^q | (s-swarLow)&^s) & swarHigh
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if b[i] == '"' {
			return i + 1
		}
		i += 2
	}
	for i < len(b) {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
		i++
	}
	return -1
}

// skipValue takes the position of the first byte of a value and gives the position behind its last byte.
func skipValue(b []byte, i int) int {
	if i < 0 || i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	case ',', ':', '}', ']':
		return -1
	}
	for i < len(b) && !endsScalar[b[i]] {
		i++
	}
	return i
}

// endsScalar marks the bytes that can follow a number or literal.
var endsScalar = [256]bool{',': true, '}': true, ']': true, ':': true, ' ': true, '\t': true, '\n': true, '\r': true}

func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// members walks the members of the object at b[i] in order. It is a plain value: copying it copies the position.
type members struct {
	b       []byte
	i       int  // next unread byte, inside the object
	done    bool // the closing brace was passed; i is behind it
	bad     bool
	first   bool
	key     []byte // raw, between the quotes
	start   int    // position of the key's opening quote
	value   int    // position of the value's first byte
	pending bool   // the value of the last member was not skipped yet
}

func objectAt(b []byte, i int) members {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '{' {
		return members{bad: true, done: true}
	}
	return members{b: b, i: i + 1, first: true}
}

// skipTo tells the walker where the current value ends, when the caller found out by itself.
func (m *members) skipTo(end int) {
	m.pending = false
	if end < 0 {
		m.fail()
		return
	}
	m.i = end
}

func (m *members) fail() {
	m.bad, m.done = true, true
}

// raw is the current value; it also moves behind it.
func (m *members) raw() []byte {
	m.skipTo(skipValue(m.b, m.value))
	if m.bad {
		return nil
	}
	return m.b[m.value:m.i]
}

// next moves to the next member and says whether there is one.
func (m *members) next() bool {
	if m.done {
		return false
	}
	if m.pending {
		m.skipTo(skipValue(m.b, m.value))
		if m.bad {
			return false
		}
	}
	b := m.b
	i := m.i
	if i < len(b) && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	if i >= len(b) {
		m.fail()
		return false
	}
	if b[i] == '}' {
		m.i, m.done = i+1, true
		return false
	}
	if !m.first {
		if b[i] != ',' {
			m.fail()
			return false
		}
		i++
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
	}
	m.first = false
	if i >= len(b) || b[i] != '"' {
		m.fail()
		return false
	}
	end := skipString(b, i)
	if end < 0 {
		m.fail()
		return false
	}
	m.start, m.key = i, b[i+1:end-1]
	if end < len(b) && b[end] <= ' ' {
		end = skipSpace(b, end)
	}
	if end >= len(b) || b[end] != ':' {
		m.fail()
		return false
	}
	end++
	if end < len(b) && b[end] <= ' ' {
		end = skipSpace(b, end)
	}
	if end >= len(b) {
		m.fail()
		return false
	}
	m.value, m.pending = end, true
	return true
}

// elements walks the elements of the array at b[i].
type elements struct {
	b     []byte
	i     int
	done  bool
	bad   bool
	first bool
}

func arrayAt(b []byte, i int) elements {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '[' {
		return elements{bad: true, done: true}
	}
	return elements{b: b, i: i + 1, first: true}
}

// next gives the position of the next element's first byte; the caller then says with skipTo where it ends.
func (e *elements) next() (start int, ok bool) {
	if e.done {
		return 0, false
	}
	i := skipSpace(e.b, e.i)
	if i >= len(e.b) {
		e.bad, e.done = true, true
		return 0, false
	}
	if e.b[i] == ']' {
		e.i, e.done = i+1, true
		return 0, false
	}
	if !e.first {
		if e.b[i] != ',' {
			e.bad, e.done = true, true
			return 0, false
		}
		i = skipSpace(e.b, i+1)
	}
	e.first = false
	if i >= len(e.b) {
		e.bad, e.done = true, true
		return 0, false
	}
	return i, true
}

func (e *elements) skipTo(end int) {
	if end < 0 {
		e.bad, e.done = true, true
		return
	}
	e.i = end
}
