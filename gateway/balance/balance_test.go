package balance

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/gateway/plan"
)

// A window's quantile is the one of its times, up to an eighth above, from 20 times on.
func TestQuantilesAgainstSortedTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(0, int64(7*time.Second)), 1, 300).Draw(t, "times")
		q := rapid.SampledFrom([]float64{0.5, 0.95, 0.99}).Draw(t, "q")
		var w window
		for _, d := range times {
			w.add(time.Duration(d))
		}
		got := w.quantile(q)
		if len(times) < enough {
			if got != 0 {
				t.Fatalf("%d times have a quantile", len(times))
			}
			return
		}
		slices.Sort(times)
		want := time.Duration(times[int(math.Ceil(q*float64(len(times)))-1)])
		if got < want || got > want+want/perStep+finest {
			t.Fatalf("quantile %v of %d times is %v, not %v", q, len(times), got, want)
		}
	})
}

func TestBucketsStandSideBySide(t *testing.T) {
	for b := range buckets - 1 {
		if top := topOf(b); bucketOf(top-1) != b || bucketOf(top) != b+1 {
			t.Fatalf("bucket %d ends at %v, which lies in %d, and just before in %d", b, top, bucketOf(top), bucketOf(top-1))
		}
	}
	if bucketOf(-1) != 0 || bucketOf(time.Hour) != buckets-1 {
		t.Error("times out of range are not at the ends")
	}
}

// What is older than two spans is forgotten, unless there is too little else.
func TestAWindowForgets(t *testing.T) {
	begin := time.Unix(1000, 0)
	w := window{turned: begin}
	fill := func(d time.Duration) {
		for range enough {
			w.add(d)
		}
	}
	fill(time.Second)
	w.turn(begin.Add(5*time.Second), 5*time.Second)
	fill(time.Millisecond)
	if q := w.quantile(0.95); q < time.Second {
		t.Errorf("%v: the slow ones are forgotten too soon", q)
	}
	w.turn(begin.Add(10*time.Second), 5*time.Second)
	if q := w.quantile(0.95); q > 2*time.Millisecond {
		t.Errorf("%v: the slow ones are not forgotten", q)
	}
	w.turn(begin.Add(20*time.Second), 5*time.Second)
	if w.count() != enough {
		t.Errorf("%d times left of a node that is hardly asked", w.count())
	}
	w.turn(begin.Add(60*time.Second), 5*time.Second)
	w.turn(begin.Add(101*time.Second), 5*time.Second)
	if w.count() != 0 {
		t.Errorf("%d times are kept for ever", w.count())
	}
}

func TestPeaksCountAtOnceAndWearOff(t *testing.T) {
	var d decay
	now := time.Unix(1000, 0)
	d.peak(10, now, time.Second)
	d.peak(100, now.Add(time.Millisecond), time.Second)
	if d.value != 100 {
		t.Errorf("a peak counts as %v", d.value)
	}
	d.peak(0, now.Add(time.Second+time.Millisecond), time.Second)
	if math.Abs(d.value-50) > 1e-9 {
		t.Errorf("after a half-life it counts as %v", d.value)
	}
	var e decay
	for range 100 {
		e.mean(1, 0.05, now, time.Second)
	}
	if e.value < 0.99 || e.now(now.Add(time.Second), time.Second) > 0.51 {
		t.Errorf("a share of %v, later %v", e.value, e.now(now.Add(time.Second), time.Second))
	}
}

// A choice with all that goes with it, among nodes that do alike.
func BenchmarkChoose(b *testing.B) {
	for _, nodes := range []int{3, 12} {
		b.Run(fmt.Sprintf("%d-nodes", nodes), func(b *testing.B) {
			w := newWorld(nodes, 2)
			w.run(time.Second, 5*time.Millisecond)
			fixed := w.cover(1, nil)
			cover := func(uint64, plan.Avoid) plan.Read { return fixed }
			query := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				query++
				w.Choose(query%4096, cover)
			}
		})
	}
}

// What the begin and the end of a leg cost.
func BenchmarkLeg(b *testing.B) {
	w := newWorld(3, 2)
	b.ReportAllocs()
	for b.Loop() {
		w.Begin("n0")
		w.End("n0", Searches, time.Millisecond, time.Second, Answered)
	}
}
