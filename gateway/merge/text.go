package merge

import (
	"strconv"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// rawKey is name as it stands between the quotes of a member of an answer.
func rawKey(name string) []byte {
	quoted := rawjson.AppendQuoted(make([]byte, 0, len(name)+2), name)
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
