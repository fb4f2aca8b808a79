package rawjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Space returns the first position at or after i that is not white space.
func Space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// SkipString returns the position behind the string whose opening quote stands at i.
func SkipString(b []byte, i int) int {
	for i++; ; i++ {
		if i = skipUnescaped(b, i); i >= len(b) {
			return len(b)
		}
		if b[i] == '"' {
			return i + 1
		}
		i++
	}
}

// skipUnescaped returns the first position at or after i that holds a quote or a backslash.
func skipUnescaped(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		q, e := x^(ones*'"'), x^(ones*'\\')
		if special := ((q-ones)&^q | (e-ones)&^e) & tops; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// SkipValue returns the position behind the value that starts at i.
func SkipValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return SkipString(b, i)
	case '{', '[':
		return skipContainer(b, i)
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i
		}
		i++
	}
	return i
}

func skipContainer(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = SkipString(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// EachMember calls visit with the raw key (quotes and escapes included) and the raw value of every member of the object
// that starts the text, until visit returns false.
func EachMember(b []byte, visit func(key, value []byte) bool) {
	i := Space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return
	}
	for i = Space(b, i+1); i < len(b) && b[i] == '"'; {
		end := SkipString(b, i)
		key := b[i:end]
		i = Space(b, end)
		i = Space(b, min(i+1, len(b))) // the colon
		end = SkipValue(b, i)
		if !visit(key, b[i:end]) {
			return
		}
		i = Space(b, end)
		if i < len(b) && b[i] == ',' {
			i = Space(b, i+1)
		}
	}
}

// EachElement calls visit with the raw value of every element of the array that starts the text, until visit returns
// false.
func EachElement(b []byte, visit func(value []byte) bool) {
	i := Space(b, 0)
	if i >= len(b) || b[i] != '[' {
		return
	}
	for i = Space(b, i+1); i < len(b) && b[i] != ']'; {
		end := max(SkipValue(b, i), i+1)
		if !visit(b[i:end]) {
			return
		}
		i = Space(b, end)
		if i < len(b) && b[i] == ',' {
			i = Space(b, i+1)
		}
	}
}

// Find returns the raw value of a member of the object that starts the text. Of a repeated key the last one counts, as in
// encoding/json.
func Find(b []byte, name string) (value []byte, ok bool) {
	EachMember(b, func(key, v []byte) bool {
		if KeyIs(key, name) {
			value, ok = v, true
		}
		return true
	})
	return value, ok
}

// KeyIs says whether a raw key, quotes included, spells the name.
func KeyIs(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return len(raw) == len(name)+2 && string(raw[1:len(raw)-1]) == name
	}
	var buf [64]byte
	s, ok := AppendUnquoted(buf[:0], raw)
	return ok && string(s) == name
}
