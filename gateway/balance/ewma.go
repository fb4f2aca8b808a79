package balance

import (
	"math"
	"time"
)

// decay is an average in which what was measured a half-life ago counts half.
type decay struct {
	value float64
	at    time.Time
}

// weight is how much the old value still counts.
func (d *decay) weight(now time.Time, halfLife time.Duration) float64 {
	if d.at.IsZero() {
		return 0
	}
	return math.Exp2(-max(0, now.Sub(d.at).Seconds()) / halfLife.Seconds())
}

// peak takes a sample. One above the average becomes it at once, lower ones wear it down (peak EWMA, as in Twitter's
// Finagle): a node that becomes slow is avoided before many requests have waited for it.
func (d *decay) peak(sample float64, now time.Time, halfLife time.Duration) {
	w := d.weight(now, halfLife)
	d.at = now
	if sample >= d.value*w {
		d.value = sample
		return
	}
	d.value = d.value*w + sample*(1-w)
}

// mean takes a sample, every one of which has at least the weight of least.
func (d *decay) mean(sample, least float64, now time.Time, halfLife time.Duration) {
	w := min(d.weight(now, halfLife), 1-least)
	d.value, d.at = d.value*w+sample*(1-w), now
}

// now is the average worn down to the present, for averages that are 0 when nothing happens.
func (d *decay) now(now time.Time, halfLife time.Duration) float64 {
	return d.value * d.weight(now, halfLife)
}
