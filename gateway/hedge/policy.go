package hedge

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/internal/tuning"
)

// Times says how long legs take; *balance.Tracker does.
type Times interface {
	// P95 is 0 where too few legs are known.
	P95(node string, c balance.Class) time.Duration
}

// Timer is a call in the future.
type Timer interface {
	// Stop is false when the call began.
	Stop() bool
}

// Options are what a Policy works with.
type Options struct {
	Tuning  func() *tuning.Live // the values that count now
	Times   Times
	Now     func() time.Time
	After   func(time.Duration, func()) Timer // nil for time.AfterFunc
	Metrics *Metrics
}

// Policy says when and how often. It is safe for concurrent use. A nil Policy hedges nothing.
type Policy struct {
	Options
	budget budget
}

// New returns a policy with nothing spent.
func New(o Options) *Policy {
	if o.After == nil {
		o.After = func(d time.Duration, call func()) Timer { return time.AfterFunc(d, call) }
	}
	return &Policy{Options: o}
}

// Delay is how long a leg may take before it is late; false when it is not hedged at all. A node and kind of legs of which
// too little is known is not hedged: nobody could say what late is.
func (p *Policy) Delay(node string, c balance.Class) (time.Duration, bool) {
	if p == nil {
		return 0, false
	}
	h := &p.Tuning().Hedging
	if !h.Enabled || h.MaxHedgesPerQuery == 0 {
		return 0, false
	}
	p95 := p.Times.P95(node, c)
	if p95 == 0 {
		return 0, false
	}
	return max(time.Duration(h.P95TriggerMultiplier*float64(p95)), time.Duration(h.MinTriggerMs*float64(time.Millisecond))), true
}

// Sent counts a leg that is no hedge. While hedging is off nothing is saved up for later.
func (p *Policy) Sent() {
	if p != nil && p.Tuning().Hedging.Enabled {
		p.budget.earn(p.Now())
	}
}

// Spend asks for n hedges of a query that had so many already.
func (p *Policy) Spend(n, had int) bool {
	h := &p.Tuning().Hedging
	switch {
	case had+n > h.MaxHedgesPerQuery:
		p.Metrics.exhausted.WithLabelValues(scopeQuery).Inc()
	case !p.budget.spend(n, h.BudgetRatio, p.Now()):
		p.Metrics.exhausted.WithLabelValues(scopeGateway).Inc()
	default:
		return true
	}
	return false
}

// CrossGroup says whether other groups are asked where the leg's own has no other owner.
func (p *Policy) CrossGroup() bool { return p.Tuning().Hedging.CrossGroupFallback }

// Outcome is how hedges ended.
type Outcome int

// Outcomes.
const (
	Won    Outcome = iota // they answered first
	Lost                  // the leg itself did
	Failed                // they brought nothing
)

// Ended counts n hedges of a late leg. Of those that won, after counts since the leg was sent: what they saved is taken to
// be the rest of the time that 95 of 100 such legs would have needed, for the leg itself was given up.
func (p *Policy) Ended(n int, o Outcome, own, after time.Duration) {
	p.Metrics.fired[o].Add(float64(n))
	if o == Won {
		p.Metrics.savings.Observe(max(0, own-after).Seconds())
	}
}

// Metrics counts hedges.
type Metrics struct {
	fired     [3]prometheus.Counter
	exhausted *prometheus.CounterVec
	savings   prometheus.Histogram
}

// Scopes of budgets, the values of a label.
const (
	scopeQuery   = "query"
	scopeGateway = "gateway"
)

// NewMetrics registers the metrics of this package.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	fired := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_hedge_fired_total", Help: "Legs sent because another one was late.",
	}, []string{"outcome"})
	m := &Metrics{
		exhausted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "miroir_hedge_budget_exhausted_total", Help: "Late legs that were not hedged because enough others were.",
		}, []string{"scope"}),
		savings: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "miroir_hedge_latency_savings_seconds", Help: "Estimate of what a hedge that answered first has saved.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	for i, outcome := range []string{"winner", "loser", "failed"} {
		m.fired[i] = fired.WithLabelValues(outcome)
	}
	for _, scope := range []string{scopeQuery, scopeGateway} {
		m.exhausted.WithLabelValues(scope)
	}
	reg.MustRegister(fired, m.exhausted, m.savings)
	return m
}
