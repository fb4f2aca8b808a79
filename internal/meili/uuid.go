package meili

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseUUID reads a UUID as Meilisearch does: hyphenated, as 32 digits, in braces or as a URN. It returns the hyphenated
// lower-case form, or the reason why it is none.
func ParseUUID(s string) (uuid, reason string) {
	rest := s
	switch {
	case len(s) == 38 && s[0] == '{' && s[37] == '}':
		rest = s[1:37]
	case len(s) == 45 && strings.HasPrefix(s, urnPrefix):
		rest = s[len(urnPrefix):]
	}
	digits := rest
	switch {
	case len(rest) == 36 && rest[8] == '-' && rest[13] == '-' && rest[18] == '-' && rest[23] == '-':
		digits = rest[:8] + rest[9:13] + rest[14:18] + rest[19:23] + rest[24:]
	case len(s) != 32:
		return "", uuidFault(rest)
	}
	if strings.IndexFunc(digits, func(r rune) bool { return !isHex(r) }) >= 0 {
		return "", uuidFault(rest)
	}
	d := strings.ToLower(digits)
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:], ""
}

const urnPrefix = "urn:uuid:"

func isHex(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' }

// Where the groups of a hyphenated UUID start, and how long they are.
var (
	uuidStarts  = [5]int{0, 9, 14, 19, 24}
	uuidLengths = [5]int{8, 4, 4, 4, 12}
)

// uuidFault words what is wrong with a string that is no UUID, without what it is wrapped in where its length fits that.
func uuidFault(s string) string {
	length := fmt.Sprintf("invalid length: found %d", len(s))
	if s == "" || len(s) > len(urnPrefix)+36 {
		return length
	}
	if !utf8.ValidString(s) {
		return "non-UTF8 input"
	}
	from, grouped := 0, false
	switch {
	case s[0] == '{' && s[len(s)-1] == '}':
		from, grouped = 1, true
	case strings.HasPrefix(s, urnPrefix):
		from, grouped = len(urnPrefix), true
	}
	to := len(s) - from
	if from == 1 {
		to = max(from, len(s)-3) // the last two digits inside of braces are not looked at
	} else {
		to = max(from, to)
	}
	var bounds []int
	for i, r := range s[from:to] {
		if r == '-' {
			grouped = true
			bounds = append(bounds, i)
		} else if !isHex(r) {
			return fmt.Sprintf("invalid character: found `%c` at %d", r, from+i)
		}
	}
	if !grouped && len(s) != 36 {
		return length
	}
	if len(bounds) != 4 {
		return fmt.Sprintf("invalid group count: expected 5, found %d", len(bounds)+1)
	}
	for i, at := range bounds {
		if n := at - uuidStarts[i]; n != uuidLengths[i] {
			return fmt.Sprintf("invalid group length in group %d: expected %d, found %d", i, uuidLengths[i], n)
		}
	}
	return fmt.Sprintf("invalid group length in group 4: expected %d, found %d", uuidLengths[4], len(s)-uuidStarts[4])
}
