package candidate

import (
	"math"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/meili"
)

// maxLiteral is the longest value that narrows, in bytes. Engines cut what they index at 468 bytes, so that a value of
// that length finds longer ids.
const maxLiteral = 400

// exactIntegers bounds the integers that engines tell apart in filters, where numbers are floats of 64 bits.
const exactIntegers = 1 << 53

// equalTo is what an equality with a value can match: engines compare without regard to case, and what reads as a number
// by value too.
func (k Key) equalTo(value string) Set {
	value = strings.Trim(value, " ")
	if len(value) > maxLiteral || !printable(value) {
		return everything(Inexact)
	}
	lower := strings.ToLower(value)
	if k.Mixed && strings.ToUpper(value) != lower {
		return everything(Letters)
	}
	var ids []string
	if meili.ValidID([]byte(lower)) {
		ids = append(ids, lower)
	}
	if lower == "" || strings.IndexByte("+-.0123456789", lower[0]) < 0 {
		return Set{IDs: ids, Why: Named}
	}
	// A value beyond all floats is read as infinite, which no id is.
	if f, err := strconv.ParseFloat(lower, 64); err == nil {
		if math.Abs(f) >= exactIntegers {
			return everything(Inexact)
		}
		if n := int64(f); float64(n) == f {
			if id := strconv.FormatInt(n, 10); id != lower {
				ids = append(ids, id)
			}
		}
	}
	return named(ids)
}

// printable says whether a value consists of printable ASCII characters. Engines fold others in ways of their own.
func printable(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return true
}
