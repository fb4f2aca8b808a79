package write

import "strings"

// essence is the type and subtype of a content type, in lower case and without parameters and suffix. What is no content
// type is returned as it stands.
func essence(value string) string {
	media, params, more := strings.Cut(value, ";")
	typ, subtype, ok := strings.Cut(media, "/")
	if !ok || !isToken(typ) || !isToken(subtype) {
		return value
	}
	for more {
		var param string
		params = strings.TrimLeft(params, " ")
		if params == "" {
			break
		}
		param, params, more = cutParameter(params)
		name, text, ok := strings.Cut(param, "=")
		quoted := len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"'
		if !ok || !isToken(name) || !quoted && !isToken(text) {
			return value
		}
	}
	subtype, _, _ = strings.Cut(subtype, "+")
	return strings.ToLower(typ + "/" + subtype)
}

// cutParameter cuts at the semicolon that is not quoted.
func cutParameter(s string) (param, rest string, more bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
