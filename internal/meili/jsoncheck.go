package meili

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/rawjson"
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

// NewJSONError words a fault that was found in a text, whose first line is the given one and begins column bytes earlier.
func NewJSONError(reason rawjson.Reason, line, column int) *JSONError {
	return &JSONError{Reason: reason.String(), Line: line, Column: column}
}

// CheckJSON says what is wrong with a JSON text; nil when it is one JSON value and nothing else. It is stricter than
// rawjson.Valid where Meilisearch reads values and does not just pass them on: numbers must fit a float, surrogates must
// come in pairs, and nesting is bounded.
func CheckJSON(text []byte) *JSONError {
	p := jsonParser{text: text}
	if !p.value(0) {
		return p.err
	}
	p.space()
	if p.at < len(p.text) {
		p.fail(rawjson.Trailing)
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
func (p *jsonParser) fail(reason rawjson.Reason) bool {
	p.at = min(p.at+1, len(p.text))
	return p.failBefore(reason)
}

// failBefore records an error of the bytes before p.at.
func (p *jsonParser) failBefore(reason rawjson.Reason) bool {
	line, column := rawjson.Position(p.text, p.at)
	p.err = NewJSONError(reason, line, column)
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
func (p *jsonParser) peek(eof rawjson.Reason) (byte, bool) {
	p.space()
	if p.at == len(p.text) {
		return 0, p.fail(eof)
	}
	return p.text[p.at], true
}

func (p *jsonParser) value(depth int) bool {
	c, ok := p.peek(rawjson.EndInValue)
	if !ok {
		return false
	}
	switch {
	case c == '{' || c == '[':
		if depth >= maxDepth {
			return p.fail(rawjson.TooDeep)
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
	return p.fail(rawjson.NoValue)
}

func (p *jsonParser) array(depth int) bool {
	for first := true; ; first = false {
		c, ok := p.peek(rawjson.EndInList)
		if !ok {
			return false
		}
		if c == ']' {
			p.at++
			return true
		}
		if !first {
			if c != ',' {
				return p.fail(rawjson.NoListEnd)
			}
			p.at++
			if c, ok = p.peek(rawjson.EndInValue); !ok {
				return false
			}
			if c == ']' {
				return p.fail(rawjson.TrailingComma)
			}
		}
		if !p.value(depth) {
			return false
		}
	}
}

func (p *jsonParser) object(depth int) bool {
	for first := true; ; first = false {
		c, ok := p.peek(rawjson.EndInObject)
		if !ok {
			return false
		}
		if c == '}' {
			p.at++
			return true
		}
		if !first {
			if c != ',' {
				return p.fail(rawjson.NoObjectEnd)
			}
			p.at++
			if c, ok = p.peek(rawjson.EndInValue); !ok {
				return false
			}
			if c == '}' {
				return p.fail(rawjson.TrailingComma)
			}
		}
		if c != '"' {
			return p.fail(rawjson.NoKey)
		}
		p.at++
		if !p.str() {
			return false
		}
		if c, ok = p.peek(rawjson.EndInObject); !ok {
			return false
		}
		if c != ':' {
			return p.fail(rawjson.NoColon)
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
			return p.fail(rawjson.EndInValue)
		}
		if p.text[p.at] != word[i] {
			return p.fail(rawjson.NoIdent)
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
	start := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	from := p.at
	switch {
	case !p.digits():
		return p.endOr(rawjson.BadNumber)
	case p.text[from] == '0' && p.at-from > 1:
		p.at = from + 1
		return p.fail(rawjson.BadNumber)
	}
	float := p.at-from > maxIntegerDigits
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if !p.digits() {
			return p.endOr(rawjson.BadNumber)
		}
	}
	if p.at < len(p.text) && p.text[p.at]|0x20 == 'e' {
		float = true
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return p.endOr(rawjson.BadNumber)
		}
	}
	if float {
		if f, _ := strconv.ParseFloat(string(p.text[start:p.at]), 64); math.IsInf(f, 0) {
			return p.failBefore(rawjson.NumberRange)
		}
	}
	return true
}

// maxIntegerDigits is the length up to which a number without an exponent is never too large for a float.
const maxIntegerDigits = 300

func (p *jsonParser) endOr(reason rawjson.Reason) bool {
	if p.at == len(p.text) {
		reason = rawjson.EndInValue
	}
	return p.fail(reason)
}

func (p *jsonParser) str() bool {
	start := p.at
	wide := false
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			if wide && !utf8.Valid(p.text[start:p.at]) {
				return p.failBefore(rawjson.BadUTF8)
			}
			return true
		case c == '\\':
			if !p.escape() {
				return false
			}
		case c < 0x20:
			return p.failBefore(rawjson.ControlCharacter)
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	return p.failBefore(rawjson.EndInString)
}

// next consumes one byte of a string.
func (p *jsonParser) next() (byte, bool) {
	if p.at == len(p.text) {
		return 0, p.failBefore(rawjson.EndInString)
	}
	p.at++
	return p.text[p.at-1], true
}

func (p *jsonParser) escape() bool {
	c, ok := p.next()
	switch {
	case !ok:
		return false
	case c == 'u':
		return p.unicode()
	case bytes.IndexByte([]byte(`"\/bfnrt`), c) < 0:
		return p.failBefore(rawjson.BadEscape)
	}
	return true
}

// unicode reads the digits behind \u, and the second half of a pair of surrogates where one begins.
func (p *jsonParser) unicode() bool {
	r, ok := p.hex()
	switch {
	case !ok:
		return false
	case r >= 0xDC00 && r <= 0xDFFF:
		return p.failBefore(rawjson.LoneSurrogate)
	case r < 0xD800 || r > 0xDFFF:
		return true
	}
	for _, want := range []byte(`\u`) {
		c, ok := p.next()
		if !ok {
			return false
		}
		if c != want {
			return p.failBefore(rawjson.HalfSurrogate)
		}
	}
	if r, ok = p.hex(); !ok {
		return false
	}
	if r < 0xDC00 || r > 0xDFFF {
		return p.failBefore(rawjson.LoneSurrogate)
	}
	return true
}

func (p *jsonParser) hex() (rune, bool) {
	if len(p.text)-p.at < 4 {
		p.at = len(p.text)
		return 0, p.failBefore(rawjson.EndInString)
	}
	p.at += 4
	n, err := strconv.ParseUint(string(p.text[p.at-4:p.at]), 16, 16)
	if err != nil {
		return 0, p.failBefore(rawjson.BadEscape)
	}
	return rune(n), true
}
