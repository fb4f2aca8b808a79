package rawjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote decodes a raw string. Halves of surrogate pairs that stand alone become U+FFFD, as in encoding/json.
func Unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	s, ok := AppendUnquoted(make([]byte, 0, len(raw)), raw)
	return string(s), ok
}

// Plain is the content of a raw string without escapes, aliasing it; ok is false for every other text.
func Plain(raw []byte) (content []byte, ok bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// unescaped are the characters behind a backslash that stand for one byte.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// AppendUnquoted appends the content of a raw string to dst.
func AppendUnquoted(dst, raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return dst, false
	}
	raw = raw[1 : len(raw)-1]
	for {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 {
			return append(dst, raw...), true
		}
		dst = append(dst, raw[:n]...)
		if raw = raw[n+1:]; len(raw) == 0 {
			return dst, false
		}
		if c := unescaped[raw[0]]; c != 0 {
			dst = append(dst, c)
			raw = raw[1:]
			continue
		}
		if raw[0] != 'u' || len(raw) < 5 {
			return dst, false
		}
		r, ok := hex4(raw[1:5])
		if !ok {
			return dst, false
		}
		raw = raw[5:]
		if utf16.IsSurrogate(r) {
			r, raw = pair(r, raw)
		}
		dst = utf8.AppendRune(dst, r)
	}
}

// pair joins a surrogate with the one that must follow it.
func pair(r rune, rest []byte) (rune, []byte) {
	if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if low, ok := hex4(rest[2:6]); ok {
			if joined := utf16.DecodeRune(r, low); joined != utf8.RuneError {
				return joined, rest[6:]
			}
		}
	}
	return utf8.RuneError, rest
}
