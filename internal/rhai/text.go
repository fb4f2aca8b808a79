package rhai

import "strings"

// comment skips a comment between marks, which may hold others.
func (r *reader) comment() bool {
	depth := 0
	for r.i < len(r.text) {
		switch rest := r.text[r.i:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			r.i += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			r.i += 2
		default:
			r.i++
		}
		if depth == 0 {
			return true
		}
	}
	return false
}

// quoted takes a text or a character between quotes. A quote that is written twice ends one text and begins another, which
// makes no difference here.
func (r *reader) quoted(quote byte) bool {
	r.i++
	start := r.i
	for r.i < len(r.text) {
		switch r.text[r.i] {
		case '\\':
			r.i++
		case quote:
			r.literal(r.text[start:r.i])
			r.i++
			return true
		}
		r.i++
	}
	return false
}

// raw takes a text between quotes with as many # around.
func (r *reader) raw() bool {
	hashes := 0
	for r.text[r.i] == '#' {
		hashes++
		r.i++
	}
	r.i++
	closing := `"` + strings.Repeat("#", hashes)
	end := strings.Index(r.text[r.i:], closing)
	if end < 0 {
		return false
	}
	r.literal(r.text[r.i : r.i+end])
	r.i += end + len(closing)
	return true
}

// template takes a text between backticks, with pieces of script in it.
func (r *reader) template() bool {
	r.i++
	start := r.i
	for r.i < len(r.text) {
		switch {
		case r.text[r.i] == '`':
			r.literal(r.text[start:r.i])
			r.i++
			return true
		case strings.HasPrefix(r.text[r.i:], "${"):
			r.i += len("${")
			r.open, r.value = append(r.open, block), false
			if !r.read(len(r.open)) {
				return false
			}
			r.open = r.open[:len(r.open)-1]
			r.i++ // the brace
		default:
			r.i++
		}
	}
	return false
}

// literal ends a text. One that is the name of exit may be made a pointer to it.
func (r *reader) literal(content string) {
	r.value = true
	if content == wordExit {
		r.script.Exits = true
	}
}
