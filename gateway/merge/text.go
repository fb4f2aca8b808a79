package merge

import "strconv"

// appendString appends s as a JSON string in the engine's spelling: only quotes, backslashes and control characters are
// escaped, so that a key written by it can be compared with a raw key of an answer byte by byte.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// rawKey is name as it stands between the quotes of a member of an answer.
func rawKey(name string) []byte {
	quoted := appendString(make([]byte, 0, len(name)+2), name)
	return quoted[1 : len(quoted)-1]
}

// parseInt reads a JSON integer; ok is false for anything else.
func parseInt(b []byte) (v int64, ok bool) {
	i, neg := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, neg = 1, true
	}
	if i == len(b) || len(b)-i > 18 {
		return 0, false
	}
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	if neg {
		v = -v
	}
	return v, true
}

// parseFloat reads a JSON number. Numbers of the engine are shortest-roundtrip, so nothing is lost.
func parseFloat(b []byte) (float64, bool) {
	if len(b) == 3 && b[1] == '.' && b[2] == '0' && b[0]-'0' <= 9 {
		return float64(b[0] - '0'), true
	}
	if v, ok := parseInt(b); ok && v > -1<<53 && v < 1<<53 {
		return float64(v), true
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}
