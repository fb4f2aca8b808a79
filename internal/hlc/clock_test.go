package hlc

import (
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// §0.5: a stamp is the wall time where that is later than everything before, and one more than the last where it is not.
func TestStampsFollowTheWallClock(t *testing.T) {
	for name, c := range map[string]struct {
		steps []time.Duration // the wall clock before each stamp, from noon
		want  []Stamp
	}{
		"moving":   {[]time.Duration{0, time.Millisecond, time.Second}, []Stamp{At(noon), At(noon) + 1<<11, At(noon) + 1000<<11}},
		"standing": {[]time.Duration{0, 0, time.Microsecond}, []Stamp{At(noon), At(noon) + 1, At(noon) + 2}},
		"going back": {[]time.Duration{0, -time.Hour, -time.Minute, time.Millisecond},
			[]Stamp{At(noon), At(noon) + 1, At(noon) + 2, At(noon) + 1<<11}},
	} {
		wall := noon
		clock := New(func() time.Time { return wall })
		for i, d := range c.steps {
			wall = noon.Add(d)
			if got := clock.Next(); got != c.want[i] {
				t.Errorf("%s, stamp %d: %d, want %d", name, i, got, c.want[i])
			}
		}
	}
	if got := (At(noon) + 2047).Time(); !got.Equal(noon) {
		t.Errorf("noon came back as %s", got)
	}
	if At(time.Unix(-5, 0)) != 0 || At(time.UnixMilli(1<<60)) != Max-2047 {
		t.Error("a time out of range has no stamp at the edge")
	}
}

// §0.5, TE-7: what was observed is surpassed, unless its clock is wrong by more than the bound.
func TestObserve(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration
		err   error
	}{
		"behind": {-time.Hour, nil}, "five seconds": {5 * time.Second, nil}, "the bound": {MaxSkew, nil},
		"beyond": {MaxSkew + time.Millisecond, ErrSkew}, "a year": {365 * 24 * time.Hour, ErrSkew},
	} {
		clock := New(func() time.Time { return noon })
		first := clock.Next()
		other := At(noon.Add(c.ahead))
		if err := clock.Observe(other); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		want := first + 1
		if c.err == nil && other > first {
			want = other + 1
		}
		if got := clock.Next(); got != want {
			t.Errorf("%s: next is %d, want %d", name, got, want)
		}
	}
}

// TE-7: a clock that was ten minutes ahead goes on with the time as it is once others have refused its stamps; one that was five
// seconds ahead keeps what it gave, for others have taken it.
func TestReturn(t *testing.T) {
	for ahead, returns := range map[time.Duration]bool{5 * time.Second: false, MaxSkew: false, 10 * time.Minute: true} {
		wall := noon.Add(ahead)
		clock := New(func() time.Time { return wall })
		last := clock.Take(100) + 99
		wall = noon
		clock.Return()
		want := last + 1
		if returns {
			want = At(noon) + 1
		}
		if got := clock.Next(); got != want {
			t.Errorf("after being %s ahead: %d, want %d", ahead, got, want)
		}
	}
}

// Two clocks whose walls drift, go back and stand still: every stamp is given once, each clock's stamps ascend, and what
// one has told the other is surpassed by it.
func TestStampsAscendAndCauseIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		walls := [2]time.Time{noon, noon.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "skew")) * time.Millisecond)}
		clocks := [2]*Clock{New(func() time.Time { return walls[0] }), New(func() time.Time { return walls[1] })}
		var last [2]Stamp
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := rapid.IntRange(0, 1).Draw(t, "clock")
			walls[at] = walls[at].Add(time.Duration(rapid.IntRange(-3, 5).Draw(t, "tick")) * time.Millisecond)
			if rapid.Bool().Draw(t, "tells") {
				if err := clocks[at].Observe(last[1-at]); err != nil {
					t.Fatal(err)
				}
				if s := clocks[at].Next(); s <= last[1-at] {
					t.Fatalf("%d does not surpass %d", s, last[1-at])
				} else if s <= last[at] {
					t.Fatalf("%d after %d", s, last[at])
				} else {
					last[at] = s
				}
				continue
			}
			n := rapid.IntRange(1, 5000).Draw(t, "n")
			s := clocks[at].Take(n)
			if s <= last[at] {
				t.Fatalf("%d after %d", s, last[at])
			}
			last[at] = s + Stamp(n) - 1
		}
	})
}

func TestClockIsSafeForConcurrentUse(t *testing.T) {
	clock := New(time.Now)
	var mu sync.Mutex
	seen := map[Stamp]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				s := clock.Take(3)
				mu.Lock()
				for i := range Stamp(3) {
					if seen[s+i] {
						t.Errorf("%d was given twice", s+i)
					}
					seen[s+i] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
