package rawjson

import (
	"bytes"
	"encoding/json"
)

// Space returns the first position at or after i that is not white space.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// SkipString returns the position after the string whose opening quote stands at i.
func SkipString(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		end := i + n
		slashes := 0
		for end-1-slashes >= i && b[end-1-slashes] == '\\' {
			slashes++
		}
		i = end + 1
		if slashes%2 == 0 {
			return i
		}
	}
	return len(b)
}

// SkipValue returns the position after the value that starts at i.
func SkipValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return SkipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				i = SkipString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(b)
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] != ' ' && b[i] != '\n' && b[i] != '\r' && b[i] != '\t' {
		i++
	}
	return i
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
		i = Space(b, i+1) // the colon
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
		end := SkipValue(b, i)
		if !visit(b[i:end]) {
			return
		}
		i = Space(b, end)
		if i < len(b) && b[i] == ',' {
			i = Space(b, i+1)
		}
	}
}

// KeyIs says whether a raw key, quotes included, spells the name.
func KeyIs(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return len(raw) == len(name)+2 && string(raw[1:len(raw)-1]) == name
	}
	s, ok := Unquote(raw)
	return ok && s == name
}

// Unquote decodes a raw string.
func Unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
