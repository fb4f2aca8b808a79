package meili

import (
	"math"
	"strconv"
	"strings"
)

// sizeUnits are those in which Meilisearch writes sizes for people, the largest first; binary and decimal ones take turns.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// FormatSize writes a number of bytes as a task of Meilisearch shows it, for instance "44 KiB": in the largest unit that
// fits, binary or decimal.
func FormatSize(n int64) string { return sizeIn(n, 0, 1) }

// limitSize writes a number of bytes as Meilisearch words its payload limit: in binary units where it is a multiple of
// 1024, in decimal ones otherwise.
func limitSize(n int64) string {
	if n%1024 == 0 {
		return sizeIn(n, 0, 2)
	}
	return sizeIn(n, 1, 2)
}

// sizeIn writes a number of bytes in the largest unit that fits, of those from the first on in steps; bytes fit always.
func sizeIn(n int64, first, step int) string {
	u := sizeUnits[len(sizeUnits)-1]
	for i := first; i < len(sizeUnits); i += step {
		if float64(n) >= sizeUnits[i].bytes {
			u = sizeUnits[i]
			break
		}
	}
	return strconv.FormatFloat(float64(n)/u.bytes, 'f', -1, 64) + " " + u.name
}

// ParseSize reads what FormatSize writes; 0 for anything else.
func ParseSize(s string) int64 {
	number, unit, _ := strings.Cut(s, " ")
	f, err := strconv.ParseFloat(number, 64)
	for _, u := range sizeUnits {
		if err == nil && u.name == unit && f >= 0 && f*u.bytes < math.MaxInt64 {
			return int64(math.Round(f * u.bytes))
		}
	}
	return 0
}
