package hedge

import (
	"sync"
	"time"
)

// horizon is the time over which hedges are held against legs, in parts of a second.
const horizon = 10

// budget counts legs and hedges of the last ten seconds.
type budget struct {
	mu    sync.Mutex // held for arithmetic only
	parts [horizon]part
	legs  int // of all parts
	spent int
}

type part struct {
	second      int64
	legs, spent int
}

// at is the part of now, after those that are over were taken out. The lock is held.
func (b *budget) at(now time.Time) *part {
	second := now.Unix()
	p := &b.parts[second%horizon]
	if p.second == second {
		return p
	}
	for i := range b.parts {
		if old := &b.parts[i]; old.second <= second-horizon {
			b.legs, b.spent = b.legs-old.legs, b.spent-old.spent
			*old = part{}
		}
	}
	p.second = second
	return p
}

// earn counts a leg.
func (b *budget) earn(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at(now).legs++
	b.legs++
}

// spend counts n hedges if that leaves no more than the ratio of all legs.
func (b *budget) spend(n int, ratio float64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(now)
	if float64(b.spent+n) > ratio*float64(b.legs) {
		return false
	}
	p.spent += n
	b.spent += n
	return true
}
