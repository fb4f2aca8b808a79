package filter

import (
	"strings"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// reservedIn finds a reserved field that a filter expression names as an attribute. A reserved name that stands as a
// value is the client's own text.
func reservedIn(expr string) (field string, found bool) {
	if !strings.Contains(expr, nodeapi.ReservedPrefix) {
		return "", false
	}
	value := false // the next word is a value
	list := 0      // depth of square brackets
	for i := 0; i < len(expr); {
		switch c := expr[i]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
			continue
		case strings.IndexByte("=!<>", c) >= 0:
			value = true
			i++
		case c == '[':
			list++
			i++
		case c == ']':
			list = max(0, list-1)
			i++
		case strings.IndexByte("(),", c) >= 0:
			value = false
			i++
		default:
			word, quoted, n := nextWord(expr[i:])
			i += n
			if !value && list == 0 && nodeapi.IsReserved(word) {
				return word, true
			}
			value = !quoted && (word == "TO" || word == "CONTAINS" || word == "WITH")
		}
	}
	return "", false
}

// nextWord reads a quoted or bare word at the start of s and says how many bytes it took.
func nextWord(s string) (word string, quoted bool, n int) {
	if q := s[0]; q == '\'' || q == '"' {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == q:
				return b.String(), true, i + 1
			default:
				b.WriteByte(s[i])
			}
		}
		return b.String(), true, len(s)
	}
	if i := strings.IndexAny(s, " \t\r\n=!<>[](),'\""); i > 0 {
		return s[:i], false, i
	}
	return s, false, len(s)
}

// whole says whether an expression stays one expression when it is put in parentheses: its own ones are balanced and
// its quotes closed. An expression with escapes is not looked at closer.
func whole(expr string) bool {
	if strings.IndexByte(expr, '\\') >= 0 {
		return false
	}
	depth := 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		case '\'', '"':
			n := strings.IndexByte(expr[i+1:], c)
			if n < 0 {
				return false
			}
			i += n + 1
		}
	}
	return depth == 0
}
