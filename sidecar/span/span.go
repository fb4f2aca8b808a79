package span

import (
	"bytes"
	"encoding/json"
	"errors"
)

// ErrSyntax says that the bytes are not the JSON value that was asked for.
var ErrSyntax = errors.New("not a valid JSON value of the expected kind")

// Members calls fn with the raw key, its quotes included, and the raw value of every member in order. An error of fn
// ends the walk and is returned.
func Members(obj []byte, fn func(key, value []byte) error) error {
	i := space(obj, 0)
	if i == len(obj) || obj[i] != '{' {
		return ErrSyntax
	}
	i = space(obj, i+1)
	if i < len(obj) && obj[i] == '}' {
		return end(obj, i+1)
	}
	for {
		if i >= len(obj) || obj[i] != '"' {
			return ErrSyntax
		}
		k := text(obj, i)
		if k < 0 {
			return ErrSyntax
		}
		c := space(obj, k)
		if c == len(obj) || obj[c] != ':' {
			return ErrSyntax
		}
		v := space(obj, c+1)
		e := skip(obj, v)
		if e < 0 {
			return ErrSyntax
		}
		if err := fn(obj[i:k], obj[v:e]); err != nil {
			return err
		}
		var more bool
		if i, more = next(obj, e, '}'); i < 0 {
			return ErrSyntax
		} else if !more {
			return end(obj, i)
		}
	}
}

// Elements calls fn with every element of an array in order.
func Elements(list []byte, fn func(value []byte) error) error {
	i := space(list, 0)
	if i == len(list) || list[i] != '[' {
		return ErrSyntax
	}
	i = space(list, i+1)
	if i < len(list) && list[i] == ']' {
		return end(list, i+1)
	}
	for {
		e := skip(list, i)
		if e < 0 {
			return ErrSyntax
		}
		if err := fn(list[i:e]); err != nil {
			return err
		}
		var more bool
		if i, more = next(list, e, ']'); i < 0 {
			return ErrSyntax
		} else if !more {
			return end(list, i)
		}
	}
}

// Text decodes a raw string, quotes included. It aliases raw where nothing is escaped.
func Text(raw []byte) ([]byte, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, ErrSyntax
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, ErrSyntax
	}
	return []byte(s), nil
}

// next finds what follows a value: the position after the comma and white space, or after the closing bracket.
func next(b []byte, i int, bracket byte) (at int, more bool) {
	i = space(b, i)
	if i == len(b) {
		return -1, false
	}
	switch b[i] {
	case ',':
		return space(b, i+1), true
	case bracket:
		return i + 1, false
	}
	return -1, false
}

func end(b []byte, i int) error {
	if space(b, i) != len(b) {
		return ErrSyntax
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// text is the position after the string that starts at i, or -1.
func text(b []byte, i int) int {
	for j := i + 1; j < len(b); j++ {
		n := bytes.IndexByte(b[j:], '"')
		if n < 0 {
			return -1
		}
		j += n
		// A quote ends the string unless an odd number of backslashes stands before it.
		k := j - 1
		for k > i && b[k] == '\\' {
			k--
		}
		if (j-1-k)%2 == 0 {
			return j + 1
		}
	}
	return -1
}

// skip is the position after the value that starts at i, or -1.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return text(b, i)
	case '{', '[':
		return nested(b, i)
	case ',', ':', '}', ']':
		return -1
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return i
		case '"', '{', '[', ':':
			return -1
		}
		i++
	}
	return i
}

func nested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = text(b, i); i < 0 {
				return -1
			}
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
	return -1
}
