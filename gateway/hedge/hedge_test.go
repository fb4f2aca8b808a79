package hedge

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/internal/tuning"
)

// F2: within any ten seconds there are never more hedges than the ratio of legs.
func TestF2TheBudgetIsNeverSurpassed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ratio := rapid.Float64Range(0, 1).Draw(t, "ratio")
		now := time.Unix(1_000_000, 0)
		var b budget
		type event struct{ second, legs, spent int64 }
		var past []event
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
			e := event{second: now.Unix()}
			if rapid.Bool().Draw(t, "leg") {
				b.earn(now)
				e.legs = 1
			} else if n := rapid.Int64Range(1, 3).Draw(t, "hedges"); b.spend(int(n), ratio, now) {
				e.spent = n
			}
			past = append(past, e)
			var legs, spent int64
			for _, old := range past {
				if old.second > now.Unix()-horizon {
					legs, spent = legs+old.legs, spent+old.spent
				}
			}
			if e.spent > 0 && float64(spent) > ratio*float64(legs) {
				t.Fatalf("%d hedges of %d legs with a ratio of %v", spent, legs, ratio)
			}
			if int64(b.legs) != legs || int64(b.spent) != spent {
				t.Fatalf("%d legs and %d hedges are %d and %d", b.legs, b.spent, legs, spent)
			}
		}
	})
}

type fixed time.Duration

func (f fixed) P95(string, balance.Class) time.Duration { return time.Duration(f) }

// F2: a leg is late after a multiple of what 95 of 100 take, and never before the least time.
func TestF2WhenALegIsLate(t *testing.T) {
	live := tuning.Default()
	policy := func(p95 time.Duration) *Policy {
		return New(Options{
			Tuning: func() *tuning.Live { return &live }, Times: fixed(p95), Now: time.Now, Metrics: NewMetrics(prometheus.NewRegistry()),
		})
	}
	for p95, want := range map[time.Duration]time.Duration{
		0: 0, time.Millisecond: 15 * time.Millisecond, 100 * time.Millisecond: 120 * time.Millisecond,
	} {
		if got, ok := policy(p95).Delay("n", balance.Searches); got != want || ok != (p95 > 0) {
			t.Errorf("p95 %v: late after %v, %v", p95, got, ok)
		}
	}
	live.Hedging.Enabled = false
	if _, ok := policy(time.Second).Delay("n", balance.Searches); ok {
		t.Error("hedging is off")
	}
	var none *Policy
	none.Sent()
	if _, ok := none.Delay("n", balance.Searches); ok {
		t.Error("there is no policy")
	}
}

// F2: what is refused is counted by what refused it.
func TestF2SpendingIsCounted(t *testing.T) {
	live := tuning.Default()
	m := NewMetrics(prometheus.NewRegistry())
	p := New(Options{Tuning: func() *tuning.Live { return &live }, Times: fixed(1), Now: func() time.Time { return time.Unix(5, 0) }, Metrics: m})
	for range 40 {
		p.Sent()
	}
	for _, c := range []struct {
		n, had int
		want   bool
	}{{3, 0, false}, {2, 0, true}, {1, 2, false}, {1, 0, false}} {
		if got := p.Spend(c.n, c.had); got != c.want {
			t.Errorf("%d more after %d: %v", c.n, c.had, got)
		}
	}
	if q, g := testutil.ToFloat64(m.exhausted.WithLabelValues(scopeQuery)), testutil.ToFloat64(m.exhausted.WithLabelValues(scopeGateway)); q != 2 || g != 1 {
		t.Errorf("%v refused by the query's bound, %v by the gateway's", q, g)
	}
	live.Hedging.Enabled = false
	for range 100 {
		p.Sent()
	}
	live.Hedging.Enabled = true
	if p.Spend(1, 0) {
		t.Error("a budget was saved up while hedging was off")
	}
	p.Ended(2, Won, time.Second, time.Millisecond)
	p.Ended(1, Lost, 0, 0)
	if w, l := testutil.ToFloat64(m.fired[Won]), testutil.ToFloat64(m.fired[Lost]); w != 2 || l != 1 {
		t.Errorf("%v won, %v lost", w, l)
	}
}
