package meili

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// JSONError is a syntax error of a JSON text, worded as Meilisearch's parser words it. Line and Column count from 1 and
// in bytes.
type JSONError struct {
	Reason       string
	Line, Column int
}

// Error implements error.
func (e *JSONError) Error() string {
	return fmt.Sprintf("%s at line %d column %d", e.Reason, e.Line, e.Column)
}

// maxDepth is how deep Meilisearch's parser follows arrays and objects.
const maxDepth = 127

// CheckJSON says what is wrong with a JSON text; nil when it is one JSON value and nothing else.
func CheckJSON(text []byte) *JSONError {
	p := jsonParser{text: text}
	if !p.value(0) {
		return p.err
	}
	p.space()
	if p.at < len(p.text) {
		p.fail("trailing characters")
	}
	return p.err
}

// jsonParser walks one text and stops at the first error.
type jsonParser struct {
	text []byte
	at   int
	err  *JSONError
}

// fail records an error at the byte p.at, or at the end of the text.
func (p *jsonParser) fail(reason string) bool {
	end := min(p.at+1, len(p.text))
	line := 1 + bytes.Count(p.text[:end], []byte{'\n'})
	column := end - (bytes.LastIndexByte(p.text[:end], '\n') + 1)
	p.err = &JSONError{Reason: reason, Line: line, Column: column}
	return false
}

func (p *jsonParser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte; eof is the error when there is none.
func (p *jsonParser) peek(eof string) (byte, bool) {
	p.space()
	if p.at == len(p.text) {
		return 0, p.fail(eof)
	}
	return p.text[p.at], true
}

func (p *jsonParser) value(depth int) bool {
	c, ok := p.peek("EOF while parsing a value")
	if !ok {
		return false
	}
	switch {
	case c == '{' || c == '[':
		if depth > maxDepth {
			return p.fail("recursion limit exceeded")
		}
		p.at++
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case c == '"':
		p.at++
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return p.ident("true")
	case c == 'f':
		return p.ident("false")
	case c == 'n':
		return p.ident("null")
	}
	return p.fail("expected value")
}

func (p *jsonParser) array(depth int) bool {
	for first := true; ; first = false {
		c, ok := p.peek("EOF while parsing a list")
		if !ok {
			return false
		}
		if c == ']' {
			p.at++
			return true
		}
		if !first {
			if c != ',' {
				return p.fail("expected `,` or `]`")
			}
			p.at++
			if c, ok = p.peek("EOF while parsing a value"); !ok {
				return false
			}
			if c == ']' {
				return p.fail("trailing comma")
			}
		}
		if !p.value(depth) {
			return false
		}
	}
}

func (p *jsonParser) object(depth int) bool {
	for first := true; ; first = false {
		c, ok := p.peek("EOF while parsing an object")
		if !ok {
			return false
		}
		if c == '}' {
			p.at++
			return true
		}
		if !first {
			if c != ',' {
				return p.fail("expected `,` or `}`")
			}
			p.at++
			if c, ok = p.peek("EOF while parsing a value"); !ok {
				return false
			}
			if c == '}' {
				return p.fail("trailing comma")
			}
		}
		if c != '"' {
			return p.fail("key must be a string")
		}
		p.at++
		if !p.str() {
			return false
		}
		if c, ok = p.peek("EOF while parsing an object"); !ok {
			return false
		}
		if c != ':' {
			return p.fail("expected `:`")
		}
		p.at++
		if !p.value(depth) {
			return false
		}
	}
}

func (p *jsonParser) ident(word string) bool {
	for i := range len(word) {
		if p.at == len(p.text) {
			return p.fail("EOF while parsing a value")
		}
		if p.text[p.at] != word[i] {
			return p.fail("expected ident")
		}
		p.at++
	}
	return true
}

func (p *jsonParser) digits() bool {
	from := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}

func (p *jsonParser) number() bool {
	if p.text[p.at] == '-' {
		p.at++
	}
	if p.at == len(p.text) {
		return p.fail("EOF while parsing a value")
	}
	zero := p.text[p.at] == '0'
	from := p.at
	if !p.digits() || zero && p.at-from > 1 {
		if zero {
			p.at = from + 1
		}
		return p.fail("invalid number")
	}
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if !p.digits() {
			return p.endOr("invalid number")
		}
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return p.endOr("invalid number")
		}
	}
	return true
}

func (p *jsonParser) endOr(reason string) bool {
	if p.at == len(p.text) {
		reason = "EOF while parsing a value"
	}
	return p.fail(reason)
}

func (p *jsonParser) str() bool {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return true
		case c == '\\':
			p.at++
			if !p.escape() {
				return false
			}
		case c < 0x20:
			return p.fail("control character (\\u0000-\\u001F) found while parsing a string")
		case c < utf8.RuneSelf:
			p.at++
		default:
			r, n := utf8.DecodeRune(p.text[p.at:])
			if r == utf8.RuneError && n == 1 {
				return p.fail("invalid unicode code point")
			}
			p.at += n
		}
	}
	return p.fail("EOF while parsing a string")
}

func (p *jsonParser) escape() bool {
	if p.at == len(p.text) {
		return p.fail("EOF while parsing a string")
	}
	c := p.text[p.at]
	if c != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), c) < 0 {
			return p.fail("invalid escape")
		}
		p.at++
		return true
	}
	p.at++
	if len(p.text)-p.at < 4 {
		p.at = len(p.text)
		return p.fail("EOF while parsing a string")
	}
	for range 4 {
		if bytes.IndexByte([]byte("0123456789abcdefABCDEF"), p.text[p.at]) < 0 {
			return p.fail("invalid escape")
		}
		p.at++
	}
	return true
}
