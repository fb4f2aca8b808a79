package rawjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested, as in encoding/json.
const MaxDepth = 10000

// Member is one member of an object: the raw key with its quotes, and the raw value. Both alias the text.
type Member struct{ Key, Value []byte }

// Valid says whether the text is one JSON value in valid UTF-8, with nothing but white space around it.
func Valid(b []byte) bool {
	end, f := Scan(b, 0)
	return f.Reason == OK && Space(b, end) == len(b)
}

// Scan checks the value that starts at or after i and returns the position behind it.
func Scan(b []byte, i int) (end int, f Fault) {
	s := scanner{b: b}
	i = Space(b, i)
	end = s.value(i)
	s.checkUTF8(i, end)
	return end, s.fault
}

// Object is what ScanObject found.
type Object struct {
	Members []Member
	End     int // position behind the object
	Fault   Fault
	// Odd says that a reader of values may refuse what was found sound: a surrogate is spelled in an escape, a number may be
	// too large for a float, or values are nested as deep as oddDepth, the object itself counted.
	Odd bool
}

// oddDepth is a multiple of 64, so that it need not be looked for at every level.
const oddDepth = 128

// ScanObject checks the object whose opening brace stands at i and appends its members to dst. On a fault the members
// found so far are returned.
func ScanObject(b []byte, i int, dst []Member) (o Object) {
	s := scanner{b: b, depth: 1}
	o.Members = dst
	o.End = s.members(i, &o)
	o.Fault, o.Odd = s.fault, s.odd
	return o
}

// members reads an object whose opening brace stands at start.
func (s *scanner) members(start int, o *Object) int {
	b := s.b
	i := Space(b, start+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		key := i
		if i = s.key(i); s.fault.Reason != OK {
			return i
		}
		raw := b[key:i]
		if i = s.colon(i); s.fault.Reason != OK {
			return i
		}
		value := Space(b, i)
		if i = s.value(value); s.fault.Reason != OK {
			return i
		}
		o.Members = append(o.Members, Member{raw, b[value:i]})
		i = Space(b, i)
		switch {
		case i == len(b):
			s.fail(EndInObject, i)
			return i
		case b[i] == ',':
			i = Space(b, i+1)
		case b[i] == '}':
			s.checkUTF8(start, i+1)
			return i + 1
		default:
			s.fail(NoObjectEnd, i)
			return i
		}
	}
}

// scanner checks one value. Its methods take a position and return the one behind what they read.
type scanner struct {
	b     []byte
	fault Fault
	wide  bool // a byte outside ASCII was seen inside a string
	odd   bool // see Object.Odd
	depth int
	// One bit for every open array (0) or object (1): the innermost 64 in kinds, the others in outer.
	kinds uint64
	outer []uint64
}

// fail records what is wrong at the byte i, which is the one that showed it.
func (s *scanner) fail(r Reason, i int) Fault {
	s.fault = Fault{r, min(i+1, len(s.b))}
	return s.fault
}

// failBefore records what is wrong with bytes up to i that were consumed already.
func (s *scanner) failBefore(r Reason, i int) int {
	s.fault = Fault{r, i}
	return i
}

func (s *scanner) checkUTF8(start, end int) {
	if s.wide && s.fault.Reason == OK && !utf8.Valid(s.b[start:end]) {
		s.fault = Fault{BadUTF8, end}
	}
}

func (s *scanner) push(object bool) bool {
	if s.depth++; s.depth > MaxDepth {
		return false
	}
	if s.depth%64 == 0 {
		s.outer = append(s.outer, s.kinds)
		s.odd = s.odd || s.depth >= oddDepth
	}
	s.kinds <<= 1
	if object {
		s.kinds |= 1
	}
	return true
}

func (s *scanner) pop() {
	s.kinds >>= 1
	if s.depth%64 == 0 {
		last := len(s.outer) - 1
		s.kinds = s.outer[last]
		s.outer = s.outer[:last]
	}
	s.depth--
}

// value reads the value that starts at i, with all that is nested in it.
func (s *scanner) value(i int) int {
	base := s.depth
	for {
		i = s.open(i, base)
		if s.fault.Reason != OK {
			return i
		}
		if s.depth == base {
			return i
		}
		// A value inside an array or object was read, and another one follows unless the container ends.
		for {
			i = Space(s.b, i)
			object := s.kinds&1 == 1
			if i == len(s.b) {
				s.fail(pick(object, EndInObject, EndInList), i)
				return i
			}
			c := s.b[i]
			if c == ',' {
				i++
				if object {
					if i = s.member(Space(s.b, i)); s.fault.Reason != OK {
						return i
					}
				}
				i = Space(s.b, i)
				break
			}
			if (object && c != '}') || (!object && c != ']') {
				s.fail(pick(object, NoObjectEnd, NoListEnd), i)
				return i
			}
			s.pop()
			if i++; s.depth == base {
				return i
			}
		}
	}
}

// open reads a scalar at i, or the beginning of containers up to the first scalar or empty container in them.
func (s *scanner) open(i, base int) int {
	for {
		if i == len(s.b) {
			s.fail(EndInValue, i)
			return i
		}
		c := s.b[i]
		if c != '{' && c != '[' {
			return s.scalar(c, i)
		}
		if !s.push(c == '{') {
			s.fail(TooDeep, i)
			return i
		}
		i = Space(s.b, i+1)
		if i == len(s.b) {
			s.fail(pick(c == '{', EndInObject, EndInList), i)
			return i
		}
		if s.b[i] == c+2 { // the closing brackets follow the opening ones at a distance of two in ASCII
			s.pop()
			return i + 1
		}
		if c == '{' {
			if i = s.member(i); s.fault.Reason != OK {
				return i
			}
			i = Space(s.b, i)
		}
	}
}

// member reads a key and its colon.
func (s *scanner) member(i int) int {
	if i = s.key(i); s.fault.Reason != OK {
		return i
	}
	return s.colon(i)
}

func (s *scanner) key(i int) int {
	if i == len(s.b) {
		s.fail(EndInObject, i)
		return i
	}
	if s.b[i] != '"' {
		s.fail(NoKey, i)
		return i
	}
	return s.str(i + 1)
}

func (s *scanner) colon(i int) int {
	i = Space(s.b, i)
	if i == len(s.b) {
		s.fail(EndInObject, i)
		return i
	}
	if s.b[i] != ':' {
		s.fail(NoColon, i)
		return i
	}
	return i + 1
}

func (s *scanner) scalar(c byte, i int) int {
	switch {
	case c == '"':
		return s.str(i + 1)
	case c == '-' || c-'0' <= 9:
		return s.number(c, i)
	case c == 't':
		return s.ident("true", i)
	case c == 'f':
		return s.ident("false", i)
	case c == 'n':
		return s.ident("null", i)
	}
	s.fail(NoValue, i)
	return i
}

func (s *scanner) ident(word string, i int) int {
	for j := 1; j < len(word); j++ {
		if i+j == len(s.b) {
			return s.failBefore(EndInValue, i+j)
		}
		if s.b[i+j] != word[j] {
			return s.failBefore(NoIdent, i+j+1)
		}
	}
	return i + len(word)
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// maxPlainNumber is the length up to which a number without an exponent is never too large for a float.
const maxPlainNumber = 300

func (s *scanner) number(c byte, i int) int {
	b, start := s.b, i
	if c == '-' {
		if i++; i == len(b) || b[i]-'0' > 9 {
			s.fail(BadNumber, i)
			return i
		}
	}
	if b[i] == '0' {
		if i++; i < len(b) && b[i]-'0' <= 9 {
			s.fail(BadNumber, i)
			return i
		}
	} else {
		i = digits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = digits(b, from); i == from {
			s.fail(BadNumber, i)
			return i
		}
	}
	s.odd = s.odd || i-start > maxPlainNumber
	if i < len(b) && b[i]|0x20 == 'e' {
		s.odd = true
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		if i = digits(b, from); i == from {
			s.fail(BadNumber, i)
		}
	}
	return i
}

// Classes of bytes inside strings.
const (
	plain = iota
	quote
	escape
	control
	wide
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < ' ':
			t[c] = control
		case c == '"':
			t[c] = quote
		case c == '\\':
			t[c] = escape
		case c >= utf8.RuneSelf:
			t[c] = wide
		}
	}
	return t
}()

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// skipPlain returns the first position at or after i whose byte is not plain, eight bytes at a time.
func skipPlain(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		q, e := x^(ones*'"'), x^(ones*'\\')
		// The lowest top bit that is set belongs to the first byte that is below a space, a quote, a backslash or not ASCII;
		// bits above it may be wrong.
		special := ((x-ones*' ')&^x | (q-ones)&^q | (e-ones)&^e | x) & tops
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for i < len(b) && classes[b[i]] == plain {
		i++
	}
	return i
}

// str reads a string behind its opening quote.
func (s *scanner) str(i int) int {
	b := s.b
	for {
		i = skipPlain(b, i)
		if i == len(b) {
			return s.failBefore(EndInString, i)
		}
		switch classes[b[i]] {
		case quote:
			return i + 1
		case escape:
			if i = s.escape(i + 1); s.fault.Reason != OK {
				return i
			}
		case control:
			return s.failBefore(ControlCharacter, i)
		default:
			s.wide = true
			i++
		}
	}
}

// escape reads an escape behind its backslash.
func (s *scanner) escape(i int) int {
	if i == len(s.b) {
		return s.failBefore(EndInString, i)
	}
	switch s.b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
	default:
		return s.failBefore(BadEscape, i+1)
	}
	if len(s.b)-i < 5 {
		return s.failBefore(EndInString, len(s.b))
	}
	r, ok := hex4(s.b[i+1 : i+5])
	if !ok {
		return s.failBefore(BadEscape, i+5)
	}
	s.odd = s.odd || r&0xF800 == 0xD800
	return i + 5
}

func hex4(b []byte) (r rune, ok bool) {
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func pick(object bool, yes, no Reason) Reason {
	if object {
		return yes
	}
	return no
}
