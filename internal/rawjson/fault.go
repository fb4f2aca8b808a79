package rawjson

import "bytes"

// Reason says what is wrong with a text.
type Reason uint8

// Reasons, in the words that Meilisearch's own parser uses.
const (
	OK Reason = iota
	EndInValue
	EndInList
	EndInObject
	EndInString
	NoValue
	NoIdent
	NoListEnd
	NoObjectEnd
	NoColon
	NoKey
	BadNumber
	BadEscape
	ControlCharacter
	BadUTF8
	TooDeep
	Trailing
	TrailingComma
	NumberRange
	LoneSurrogate
	HalfSurrogate
)

var reasons = [...]string{
	OK:               "",
	EndInValue:       "EOF while parsing a value",
	EndInList:        "EOF while parsing a list",
	EndInObject:      "EOF while parsing an object",
	EndInString:      "EOF while parsing a string",
	NoValue:          "expected value",
	NoIdent:          "expected ident",
	NoListEnd:        "expected `,` or `]`",
	NoObjectEnd:      "expected `,` or `}`",
	NoColon:          "expected `:`",
	NoKey:            "key must be a string",
	BadNumber:        "invalid number",
	BadEscape:        "invalid escape",
	ControlCharacter: "control character (\\u0000-\\u001F) found while parsing a string",
	BadUTF8:          "invalid unicode code point",
	TooDeep:          "recursion limit exceeded",
	Trailing:         "trailing characters",
	TrailingComma:    "trailing comma",
	NumberRange:      "number out of range",
	LoneSurrogate:    "lone leading surrogate in hex escape",
	HalfSurrogate:    "unexpected end of hex escape",
}

// String implements fmt.Stringer.
func (r Reason) String() string { return reasons[r] }

// Fault is the first thing that is wrong with a text. At counts the bytes up to and including the one where it showed; it
// is the length of the text where the text ended too early.
type Fault struct {
	Reason Reason
	At     int
}

// Position is the line, counted from 1, and the bytes of that line up to a fault at the given count of bytes.
func Position(b []byte, at int) (line, column int) {
	start := bytes.LastIndexByte(b[:at], '\n') + 1
	return 1 + bytes.Count(b[:start], []byte{'\n'}), at - start
}
