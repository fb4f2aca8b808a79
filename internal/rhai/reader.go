package rhai

import (
	"slices"
	"strings"
)

// Words that mean something here.
const (
	wordFn      = "fn"
	wordPrivate = "private"
	wordReturn  = "return"
	wordExit    = "exit"
	wordEval    = "eval"
)

// operators are words behind which a value begins, so that a bar opens a closure.
var operators = []string{wordReturn, "in", "if", "else", "while", "until", "throw", "switch", "do", "break"}

// brace is what an open brace belongs to.
type brace byte

const (
	block    brace = iota
	function       // of a definition
	closure
)

// reader walks over the tokens of a script.
type reader struct {
	text   string
	i      int
	script Script
	open   []brace
	parens int  // open parentheses and brackets
	begun  int  // where the definition began that is being read; -1 for none
	value  bool // the token before ends a value
	dot    bool // the token before is a dot
	word   string
	wordAt int
	fresh  bool // a closure's parameters were read: its body begins
	evals  bool
}

// read reads tokens up to the end, or up to the brace that closes what was open at some depth. It is false where it does
// not understand the text.
func (r *reader) read(depth int) bool {
	for r.i < len(r.text) {
		c := r.text[r.i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			r.i++
			continue
		case strings.HasPrefix(r.text[r.i:], "//"):
			if end := strings.IndexByte(r.text[r.i:], '\n'); end >= 0 {
				r.i += end
			} else {
				r.i = len(r.text)
			}
			continue
		case strings.HasPrefix(r.text[r.i:], "/*"):
			if !r.comment() {
				return false
			}
			continue
		case c == '}' && depth > 0 && len(r.open) == depth:
			return true // of the piece of a text that is being read
		}
		fresh := r.fresh
		r.fresh = false
		if !r.token(c, fresh) {
			return false
		}
	}
	return depth == 0
}

// token reads one token. fresh says that it is the first of a closure's body.
func (r *reader) token(c byte, fresh bool) bool {
	dot := r.dot
	r.dot = false
	switch {
	case letter(c):
		return r.name(dot)
	case digit(c):
		for r.i < len(r.text) && (letter(r.text[r.i]) || digit(r.text[r.i])) {
			r.i++
		}
		r.value = true
	case c == '"' || c == '\'':
		return r.quoted(c)
	case c == '`':
		return r.template()
	case c == '#' && strings.HasPrefix(strings.TrimLeft(r.text[r.i:], "#"), `"`):
		return r.raw()
	case c == '{':
		r.opened(fresh)
	case c == '}':
		return r.closed()
	case c == '|':
		return r.bar()
	default:
		r.symbol(c)
	}
	return true
}

func (r *reader) symbol(c byte) {
	switch c {
	case '(', '[':
		r.parens++
	case ')', ']':
		r.parens--
	}
	r.i++
	r.value, r.dot = c == ')' || c == ']', c == '.'
}

// opened takes an opening brace.
func (r *reader) opened(fresh bool) {
	kind := block
	switch {
	case fresh:
		kind = closure
	case r.begun >= 0 && len(r.open) == 0:
		kind = function
	}
	r.open = append(r.open, kind)
	r.i++
	r.value = false
}

// closed takes a closing brace. What stands behind it may be the start of a value or not: it is taken for one.
func (r *reader) closed() bool {
	if len(r.open) == 0 {
		return false
	}
	last := len(r.open) - 1
	kind := r.open[last]
	r.open = r.open[:last]
	r.i++
	r.value = false
	if kind == function {
		r.script.functions = append(r.script.functions, piece{r.begun, r.i})
		r.begun = -1
	}
	return true
}

// name takes a word. dot says that a dot stands before it.
func (r *reader) name(dot bool) bool {
	start := r.i
	for r.i < len(r.text) && (letter(r.text[r.i]) || digit(r.text[r.i])) {
		r.i++
	}
	word, before, beforeAt := r.text[start:r.i], r.word, r.wordAt
	r.word, r.wordAt = word, start
	r.value = dot || !slices.Contains(operators, word)
	if dot && word != wordExit {
		return true
	}
	switch word {
	case wordFn:
		if len(r.open) > 0 || r.parens != 0 || r.begun >= 0 {
			return false
		}
		r.begun = start
		if before == wordPrivate && strings.TrimSpace(r.text[beforeAt:start]) == wordPrivate {
			r.begun = beforeAt
		}
	case wordReturn:
		if !slices.Contains(r.open, function) && !slices.Contains(r.open, closure) {
			r.script.Leaves = true
		}
	case wordExit:
		next := strings.TrimLeft(r.text[r.i:], "! \t\r\n")
		r.script.Exits = r.script.Exits || strings.HasPrefix(next, "(")
	case wordEval:
		r.evals = true
	}
	return true
}

// bar takes a bar: an operator behind a value, and else the parameters of a closure.
func (r *reader) bar() bool {
	double := strings.HasPrefix(r.text[r.i:], "||")
	if r.value {
		r.i++
		if double {
			r.i++
		}
		r.value = false
		return true
	}
	if !slices.Contains(r.open, function) {
		r.script.Closures = true
	}
	r.i++
	end := strings.IndexByte(r.text[r.i:], '|')
	if end < 0 {
		return false
	}
	r.i += end + 1
	r.value, r.fresh = false, true
	return true
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
