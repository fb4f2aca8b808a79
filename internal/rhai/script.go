package rhai

import "strings"

// Script is a script of a client, as far as it was read.
type Script struct {
	// Leaves says that there is a `return` outside of functions and of closures with braces: it ends the script.
	Leaves bool
	// Exits says that the script may call `exit`, which ends it from anywhere.
	Exits bool
	// Closures says that closures are made outside of functions.
	Closures bool

	text      string
	functions []piece
}

// piece is a range of bytes of the text.
type piece struct{ start, end int }

// Read reads a script; ok is false where it can not be understood.
func Read(text string) (s Script, ok bool) {
	r := &reader{text: text, script: Script{text: text}, begun: -1}
	if !r.read(0) || len(r.open) > 0 || r.begun >= 0 {
		return Script{}, false
	}
	if r.evals && strings.Contains(text, wordExit) {
		r.script.Exits = true // a text may be run
	}
	return r.script, true
}

// Functions is the script with nothing but the functions that it defines, at their lines and columns.
func (s Script) Functions() string { return s.blank(true) }

// Rest is the script without the functions that it defines; all else stays at its line and column.
func (s Script) Rest() string { return s.blank(false) }

// blank puts spaces in the place of all characters outside of functions, or inside.
func (s Script) blank(outside bool) string {
	if len(s.functions) == 0 && !outside {
		return s.text
	}
	var b strings.Builder
	at := 0
	for i, c := range s.text {
		for at < len(s.functions) && i >= s.functions[at].end {
			at++
		}
		inside := at < len(s.functions) && i >= s.functions[at].start
		if c != '\n' && inside != outside {
			c = ' '
		}
		b.WriteRune(c)
	}
	return b.String()
}
