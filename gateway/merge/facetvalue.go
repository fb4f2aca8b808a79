package merge

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// normalise is the engine's identity of a facet string: trimmed, every character decomposed by compatibility, lower
// case. Two legs may spell one value differently; it is still one value.
func normalise(s string) string {
	s = strings.TrimSpace(s)
	if isASCII(s) {
		return strings.ToLower(s)
	}
	if !norm.NFKD.IsNormalString(s) {
		// The engine decomposes character by character and does not sort marks across characters.
		b := make([]byte, 0, len(s)+8)
		for _, r := range s {
			b = norm.NFKD.AppendString(b, string(r))
		}
		s = string(b)
	}
	if strings.ContainsRune(s, 'Σ') {
		// Only the final sigma depends on its surroundings.
		return cases.Lower(language.Und).String(s)
	}
	return strings.ToLower(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// numberText says whether s is written the way the engine writes a numeric facet value: digits, at most one fraction,
// no exponent, nothing superfluous.
func numberText(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(s, ".")
	if whole == "" || len(whole) > 1 && whole[0] == '0' || dotted && (fraction == "" || fraction[len(fraction)-1] == '0') {
		return false
	}
	for _, part := range [2]string{whole, fraction} {
		for i := range len(part) {
			if part[i]-'0' > 9 {
				return false
			}
		}
	}
	return true
}
