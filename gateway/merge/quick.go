package merge

// The built-in rules are always written with the same members in the same order. Reading them by expectation costs a
// third of walking them; whatever is written otherwise is walked. Every function gives the position behind what it read,
// or -1 if the text is not as expected.

// quickRule reads the object of a built-in rule at b[i].
func quickRule(s *score, b []byte, i int) int {
	i = expect(b, i, `{"order":`)
	var v int64
	if v, i = quickInt(b, i); i < 0 {
		return -1
	}
	s.order = int32(v) //nolint:gosec // quickInt reads few digits
	switch s.kind {
	case ruleWords:
		return quickWords(s, &s.a, b, i)
	case ruleTypo:
		v, i = quickInt(b, expect(b, i, `,"typoCount":`))
		s.a = -float64(v)
		v, i = quickInt(b, expect(b, i, `,"maxTypoCount":`))
		s.most = float64(v)
		return quickScore(b, i)
	case ruleProximity, ruleAttributeRank, ruleWordPosition:
		s.a, i = quickFloat(b, expect(b, i, `,"score":`))
		return expect(b, i, `}`)
	case ruleAttribute:
		s.a, i = quickFloat(b, expect(b, i, `,"attributeRankingOrderScore":`))
		s.b, i = quickFloat(b, expect(b, i, `,"queryWordDistanceScore":`))
		return quickScore(b, i)
	case ruleExactness:
		return quickExactness(s, b, expect(b, i, `,"matchType":"`))
	case ruleVector:
		s.a, i = quickFloat(b, expect(b, i, `,"similarity":`))
		return expect(b, i, `}`)
	default:
		return -1
	}
}

func quickWords(s *score, to *float64, b []byte, i int) int {
	v, i := quickInt(b, expect(b, i, `,"matchingWords":`))
	*to = float64(v)
	v, i = quickInt(b, expect(b, i, `,"maxMatchingWords":`))
	s.most = float64(v)
	return quickScore(b, i)
}

func quickExactness(s *score, b []byte, i int) int {
	if end := expect(b, i, `matchesStart"`); end > 0 {
		s.a = 1
		return quickScore(b, end)
	}
	if end := expect(b, i, `exactMatch"`); end > 0 {
		s.a = 2
		return quickScore(b, end)
	}
	return quickWords(s, &s.b, b, expect(b, i, `noExactMatch"`))
}

func expect(b []byte, i int, text string) int {
	if i < 0 || len(b)-i < len(text) || string(b[i:i+len(text)]) != text {
		return -1
	}
	return i + len(text)
}

// quickScore passes a last member `score` that does not count, and the end of the object.
func quickScore(b []byte, i int) int {
	if i = expect(b, i, `,"score":`); i < 0 {
		return -1
	}
	if end := expect(b, i, `1.0}`); end > 0 {
		return end
	}
	for end := i; end < len(b) && end < i+32; end++ {
		if b[end] == '}' {
			return end + 1
		}
	}
	return -1
}

// quickInt reads up to nine digits.
func quickInt(b []byte, i int) (int64, int) {
	if i < 0 {
		return 0, -1
	}
	v, from := int64(0), i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		v = v*10 + int64(b[i]-'0')
	}
	if i == from || i-from > 9 || i == len(b) {
		return 0, -1
	}
	return v, i
}

// exactTen are powers of ten that are exact as a float64; a fraction is read up to 18 digits.
var exactTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// quickFloat reads a score: 0 or 1, or a fraction below 1. A fraction whose digits fit into 53 bits is exact after one
// division; longer ones are left to the library.
func quickFloat(b []byte, i int) (float64, int) {
	if i < 0 || i+3 > len(b) || b[i+1] != '.' || b[i]-'0' > 1 {
		return 0, -1
	}
	end := i + 2
	v := uint64(0)
	for ; end < len(b) && end < i+20 && b[end]-'0' <= 9; end++ {
		v = v*10 + uint64(b[end]-'0')
	}
	if end == i+2 || end == len(b) || !endsScalar[b[end]] {
		return 0, -1
	}
	if b[i] == '0' && v < 1<<53 {
		return float64(v) / exactTen[end-i-2], end
	}
	if b[i] == '1' && v == 0 {
		return 1, end
	}
	f, ok := parseFloat(b[i:end])
	if !ok {
		return 0, -1
	}
	return f, end
}
