package meili

import (
	"math"
	"strconv"
	"strings"
)

// sizeUnits are those in which Meilisearch writes sizes for people, the largest first: the largest one that fits is taken,
// decimal or binary.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// FormatSize writes a number of bytes as a task of Meilisearch shows it, for instance "44 KiB".
func FormatSize(n int64) string {
	at := len(sizeUnits) - 1
	for i, u := range sizeUnits {
		if float64(n) >= u.bytes {
			at = i
			break
		}
	}
	return strconv.FormatFloat(float64(n)/sizeUnits[at].bytes, 'f', -1, 64) + " " + sizeUnits[at].name
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
