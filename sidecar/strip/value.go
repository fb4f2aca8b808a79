package strip

import (
	"encoding/binary"
	"math/bits"
)

// plain marks the bytes that a JSON string may hold as they are.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

// value walks one value by a rule; nil copies it.
func (s *scanner) value(r *rule) {
	switch c := s.token(); c {
	case '{':
		s.enter()
		if r == nil || !r.object() {
			s.object()
		} else {
			s.members(r)
		}
		s.depth--
	case '[':
		s.enter()
		switch {
		case r == nil || (r.elem == nil && r.drops == nil):
			s.array(nil)
		case r.drops != nil:
			s.elements(r.drops)
		default:
			s.array(r.elem)
		}
		s.depth--
	case '"':
		if r != nil && r.text != nil {
			s.replace(r.text)
			return
		}
		s.str()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

func (s *scanner) enter() {
	s.pos++
	if s.depth++; s.depth > maxDepth {
		s.syntax()
	}
}

// object copies an object.
func (s *scanner) object() {
	if s.token() == '}' {
		s.pos++
		return
	}
	for {
		if s.token() != '"' {
			s.syntax()
		}
		s.str()
		if s.token() != ':' {
			s.syntax()
		}
		s.pos++
		s.value(nil)
		switch s.token() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return
		default:
			s.syntax()
		}
	}
}

// array copies an array, every element by r.
func (s *scanner) array(r *rule) {
	if s.token() == ']' {
		s.pos++
		return
	}
	for {
		s.value(r)
		switch s.token() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return
		default:
			s.syntax()
		}
	}
}

// str copies a string.
func (s *scanner) str() {
	s.pos++
	for {
		b := s.buf[s.pos:s.end]
		i := skipPlain(b)
		s.pos += i
		if i == len(b) {
			if !s.more() {
				s.syntax()
			}
			continue
		}
		switch b[i] {
		case '"':
			s.pos++
			return
		case '\\':
			s.pos++
			s.escape()
		default:
			s.syntax()
		}
	}
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// skipPlain counts the bytes up to the first that is not plain, eight at a time.
func skipPlain(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		// A byte's top bit is set if it is below a space, a quote or a backslash; above the lowest one bits may be wrong.
		if odd := ((x-ones*' ')&^x | (quote-ones)&^quote | (slash-ones)&^slash) & tops; odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	for i < len(b) && plain[b[i]] {
		i++
	}
	return i
}

func (s *scanner) escape() {
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
	case 'u':
		s.pos++
		for range 4 {
			c := s.peek()
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				s.syntax()
			}
			s.pos++
		}
	default:
		s.syntax()
	}
}

func (s *scanner) literal(word string) {
	for i := range len(word) {
		if s.peek() != word[i] {
			s.syntax()
		}
		s.pos++
	}
}

// number copies a number.
func (s *scanner) number() {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else {
		s.digits()
	}
	if s.at('.') {
		s.pos++
		s.digits()
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		s.digits()
	}
}

// at says whether the next byte is c; the input may end here.
func (s *scanner) at(c byte) bool {
	return (s.pos < s.end || s.more()) && s.buf[s.pos] == c
}

// digits copies one digit or more.
func (s *scanner) digits() {
	if c := s.peek(); c < '0' || c > '9' {
		s.syntax()
	}
	for s.pos < s.end || s.more() {
		if c := s.buf[s.pos]; c < '0' || c > '9' {
			return
		}
		s.pos++
	}
}
