package balance

import (
	"math/bits"
	"time"
)

// A window counts times in buckets that grow with them: eight to every doubling, so that a quantile is right to an eighth.
const (
	finest  = 32 * time.Microsecond // times below count as none
	perStep = 8
	steps   = 18 // doublings: up to 8 s, and everything longer
	buckets = steps * perStep
)

// enough is how many times a quantile needs.
const enough = 20

// window is a histogram of the times of the last while: what was counted since the last turn, and before.
type window struct {
	counts [2][buckets]uint32
	n      [2]uint32
	turned time.Time
}

// bucketOf is the bucket of a time.
func bucketOf(d time.Duration) int {
	v := uint64(max(0, d) / finest) //nolint:gosec // not negative
	if v < perStep {
		return int(v) //nolint:gosec // small
	}
	// The highest bit says which doubling, the three below where in it.
	top := bits.Len64(v) - 1
	b := (top-2)*perStep + int(v>>(top-3)&(perStep-1)) //nolint:gosec // small
	return min(b, buckets-1)
}

// topOf is the longest time of a bucket.
func topOf(b int) time.Duration {
	if b < perStep {
		return time.Duration(b+1) * finest
	}
	top, part := b/perStep+2, b%perStep
	return time.Duration((perStep+part+1)<<(top-3)) * finest
}

func (w *window) add(d time.Duration) {
	w.counts[0][bucketOf(d)]++
	w.n[0]++
}

// turn forgets what is older than two spans. A window with few times keeps them longer, up to eight spans.
func (w *window) turn(now time.Time, span time.Duration) {
	age := now.Sub(w.turned)
	if age < span || w.n[0] < enough && age < 8*span {
		return
	}
	w.counts[1], w.n[1] = w.counts[0], w.n[0]
	w.counts[0], w.n[0] = [buckets]uint32{}, 0
	w.turned = now
}

func (w *window) clear() {
	w.counts, w.n = [2][buckets]uint32{}, [2]uint32{}
}

func (w *window) count() int { return int(w.n[0]) + int(w.n[1]) }

// quantile is the time that the share q of all times does not exceed; 0 of too few.
func (w *window) quantile(q float64) time.Duration {
	n := w.count()
	if n < enough {
		return 0
	}
	rank := int(q*float64(n) + 0.999999)
	for b := range buckets {
		rank -= int(w.counts[0][b]) + int(w.counts[1][b])
		if rank <= 0 {
			return topOf(b)
		}
	}
	return topOf(buckets - 1)
}
