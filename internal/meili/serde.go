package meili

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// appendSerde writes a raw value the way Meilisearch prints values in its answers: without white space, repeated members
// reduced to their last value, numbers as they are stored, strings with the fewest escapes.
func appendSerde(dst []byte, v node) []byte {
	switch v.kind() {
	case kindObject:
		dst = append(dst, '{')
		for i, m := range v.members() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(rawjson.AppendQuoted(dst, m.name), ':')
			dst = appendSerde(dst, m.value)
		}
		return append(dst, '}')
	case kindArray:
		dst = append(dst, '[')
		first := true
		rawjson.EachElement(v, func(value []byte) bool {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendSerde(dst, value)
			return true
		})
		return append(dst, ']')
	case kindString:
		s, _ := rawjson.Unquote(v)
		return rawjson.AppendQuoted(dst, s)
	case kindFloat:
		f, _ := strconv.ParseFloat(string(v), 64)
		return appendFloat(dst, f)
	}
	return append(dst, v...)
}

// AppendFloat writes a float the way Meilisearch prints it; what is no number is null.
func AppendFloat(dst []byte, f float64) []byte { return appendFloat(dst, f) }

// appendFloat writes a float with the fewest digits that read back the same, always marked as a float.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(dst, "null"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-5 || a >= 1e16) {
		from := len(dst)
		dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
		// Go writes exponents of one digit with a zero in front.
		if e := from + bytes.IndexByte(dst[from:], 'e'); dst[e+2] == '0' {
			dst = append(dst[:e+2], dst[e+3:]...)
		}
		return dst
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendStrings writes a JSON array of strings.
func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rawjson.AppendQuoted(dst, s)
	}
	return append(dst, ']')
}

// QuoteDebug writes a string as Meilisearch quotes cells and values in errors of its readers.
func QuoteDebug(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case 0:
			b = append(b, `\0`...)
		default:
			if unicode.IsPrint(r) || r == ' ' {
				b = utf8.AppendRune(b, r)
			} else {
				b = fmt.Appendf(b, `\u{%x}`, r)
			}
		}
	}
	return string(append(b, '"'))
}
