package hlc

import (
	"errors"
	"sync"
	"time"
)

// ErrSkew says that a stamp is further ahead of the own wall clock than MaxSkew.
var ErrSkew = errors.New("stamp is too far ahead of this clock")

// MaxSkew is how far a stamp may be ahead of the wall clock of the process that reads it. It is half of the two minutes
// for which sidecars keep operations to put them in order: stamps of clocks that are less apart can be put in order.
const MaxSkew = time.Minute

// counterBits is the part of a stamp below the milliseconds: 2,048 stamps a millisecond before the clock runs ahead.
const counterBits = 11

// Max is the largest stamp; the milliseconds of it end in the year 2109.
const Max Stamp = 1<<53 - 1

// Stamp is a point in the order of writes: milliseconds since 1970 times 2048, plus a counter. Zero is no stamp and comes
// before all others.
type Stamp uint64

// At is the first stamp of a wall time. Times that no stamp can hold become the nearest one.
func At(t time.Time) Stamp {
	ms := max(0, t.UnixMilli())
	return Stamp(min(ms, int64(Max>>counterBits))) << counterBits //nolint:gosec // clamped
}

// Time is the wall time in a stamp, in whole milliseconds.
func (s Stamp) Time() time.Time {
	return time.UnixMilli(int64(s >> counterBits)).UTC() //nolint:gosec // 42 bits
}

// Check says ErrSkew for a stamp that is too far ahead of the wall time now.
func (s Stamp) Check(now time.Time) error {
	if s.Time().Sub(now) > MaxSkew {
		return ErrSkew
	}
	return nil
}

// Clock gives stamps. It is safe for concurrent use.
type Clock struct {
	now  func() time.Time
	mu   sync.Mutex
	last Stamp
}

// New returns a clock over a wall clock, time.Now in processes.
func New(now func() time.Time) *Clock { return &Clock{now: now} }

// Next gives a stamp later than all that this clock gave or observed.
func (c *Clock) Next() Stamp { return c.Take(1) }

// Take gives n successive stamps, of which it returns the first: no other call returns any of them. n is at least 1.
func (c *Clock) Take(n int) Stamp {
	wall := At(c.now())
	c.mu.Lock()
	defer c.mu.Unlock()
	first := max(wall, c.last+1)
	c.last = first + Stamp(max(n, 1)) - 1 //nolint:gosec // not negative
	return first
}

// Observe makes the clock give later stamps than s from now on. A stamp that is too far ahead is ErrSkew and changes
// nothing.
func (c *Clock) Observe(s Stamp) error {
	if err := s.Check(c.now()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, s)
	return nil
}

// Return takes back stamps that are further ahead of the wall clock than MaxSkew. They come of a wall clock that was wrong, and nobody
// whose clock is right has taken them. It is for whoever was told so by others: alone, a clock that was ahead can not be told from
// one that was set back just now, and that one must go on with what it gave last. What others have given must be observed again.
func (c *Clock) Return() {
	wall := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.Check(wall) != nil {
		c.last = At(wall)
	}
}
