package candidate

import "strings"

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuoted
	tokenMark
)

// isKeyword says whether a word stands for itself only in quotes.
func isKeyword(word string) bool {
	switch word {
	case "AND", "OR", "IN", "NOT", "TO", "EXISTS", "IS", "NULL", "EMPTY", "CONTAINS", "STARTS", "WITH":
		return true
	}
	return false
}

// tokens cuts an expression. bad is set, for good, by a character that may mean something else to an engine: one outside of
// ASCII that is in no quotes, or a backslash.
type tokens struct {
	text  string // what is left
	kind  tokenKind
	token string
	bad   bool
}

// next moves on to the next token. Behind the last, and once bad, there is the end.
func (t *tokens) next() {
	t.kind, t.token = tokenEnd, ""
	for t.text != "" && isSpace(t.text[0]) {
		t.text = t.text[1:]
	}
	if t.bad || t.text == "" {
		return
	}
	n := 1
	switch c := t.text[0]; {
	case isWord(c):
		t.kind = tokenWord
		for n < len(t.text) && isWord(t.text[n]) {
			n++
		}
	case c == '"' || c == '\'':
		t.quoted(c)
		return
	case c == '!', c == '<', c == '>':
		if t.kind = tokenMark; len(t.text) > 1 && t.text[1] == '=' {
			n = 2
		}
	case strings.IndexByte("=()[],", c) >= 0:
		t.kind = tokenMark
	default:
		t.bad = true
		return
	}
	t.token, t.text = t.text[:n], t.text[n:]
}

func (t *tokens) quoted(quote byte) {
	end := strings.IndexByte(t.text[1:], quote)
	if end < 0 || strings.IndexByte(t.text[1:1+end], '\\') >= 0 {
		t.bad = true
		return
	}
	t.kind, t.token, t.text = tokenQuoted, t.text[1:1+end], t.text[end+2:]
}

// arguments passes over a function's numbers in parentheses.
func (t *tokens) arguments() {
	text := t.text
	end := strings.IndexByte(text, ')')
	if end < 1 || text[0] != '(' || strings.Trim(text[1:end], "0123456789+-.eE,[] \t\r\n") != "" {
		t.bad = true
		return
	}
	t.text = text[end+1:]
	t.next()
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.'
}
