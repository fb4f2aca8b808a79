package merge

import (
	"errors"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// ErrAnswer is returned for a leg body that is not the answer it should be (cut off, not JSON, members missing).
var ErrAnswer = errors.New("merge: malformed leg answer")

// The walks here trust that a body is JSON, as rawjson's do, and notice only what breaks its structure. Unlike rawjson's
// they can stop anywhere and go on later, and they say whether the text ended too early: an answer that was cut off must
// not pass for a short one.

// skipValue takes the position of the first byte of a value and gives the position behind its last byte, or -1 where no
// value begins. A value that is cut off ends with the text.
func skipValue(b []byte, i int) int {
	if i < 0 || i >= len(b) {
		return -1
	}
	switch b[i] {
	case ',', ':', '}', ']':
		return -1
	}
	return rawjson.SkipValue(b, i)
}

// endsScalar marks the bytes that can follow a number or literal.
var endsScalar = [256]bool{',': true, '}': true, ']': true, ':': true, ' ': true, '\t': true, '\n': true, '\r': true}

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
	i = space(b, i)
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
	i := space(b, m.i)
	if i < len(b) && b[i] == '}' {
		m.i, m.done = i+1, true
		return false
	}
	if !m.first {
		if i >= len(b) || b[i] != ',' {
			m.fail()
			return false
		}
		i = space(b, i+1)
	}
	m.first = false
	return m.enter(i)
}

// enter reads the key at b[i] and finds the value behind it.
func (m *members) enter(i int) bool {
	b := m.b
	if i >= len(b) || b[i] != '"' {
		m.fail()
		return false
	}
	end := rawjson.SkipString(b, i)
	colon := space(b, end)
	if colon >= len(b) || b[colon] != ':' {
		m.fail()
		return false
	}
	value := space(b, colon+1)
	if value >= len(b) {
		m.fail()
		return false
	}
	m.start, m.key, m.value, m.pending = i, b[i+1:end-1], value, true
	return true
}

// name is the decoded key.
func (m *members) name() string {
	name, _ := rawjson.Unquote(m.b[m.start : m.start+len(m.key)+2])
	return name
}

// space is rawjson.Space with the usual case, no space, in line.
func space(b []byte, i int) int {
	if i < len(b) && b[i] > ' ' {
		return i
	}
	return rawjson.Space(b, i)
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
	i = space(b, i)
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
	i := space(e.b, e.i)
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
		i = space(e.b, i+1)
	}
	e.first = false
	if i >= len(e.b) {
		e.bad, e.done = true, true
		return 0, false
	}
	return i, true
}

// ended says whether there is no element behind the current one.
func (e *elements) ended() bool {
	i := space(e.b, e.i)
	return e.done || i >= len(e.b) || e.b[i] == ']'
}

func (e *elements) skipTo(end int) {
	if end < 0 {
		e.bad, e.done = true, true
		return
	}
	e.i = end
}
