package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miroir-search/miroir/bench/load"
	"github.com/miroir-search/miroir/bench/pause"
	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/bench/target"
	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/tuning"
)

const (
	slowNode        = "node-0"
	slowSidecar     = "sidecar-0"
	slowHits        = 20
	slowConnections = 4
	// Searches before each measurement, not counted: the change of what is set arrives, and the gateway learns how long legs
	// take now.
	slowWarmth = 200
	slowPause  = 500 * time.Millisecond
)

// troubles are what happens to one node.
var troubles = []struct {
	name   string
	rhythm pause.Rhythm
}{
	{"is well", pause.Rhythm{}},
	{"stands still for 50 of 500 ms", pause.Rhythm{For: 50 * time.Millisecond, Every: 500 * time.Millisecond}},
	{"stands still for 100 of 125 ms", pause.Rhythm{For: 100 * time.Millisecond, Every: 125 * time.Millisecond}},
}

// means are what is done against slow nodes, as changes of the configuration.
var means = []struct{ name, patch string }{
	{"nothing", meansPatch(false, tuning.StrategyRandom)},
	{"hedging", meansPatch(true, tuning.StrategyRandom)},
	{"choosing", meansPatch(false, tuning.StrategyAdaptive)},
	{"both", meansPatch(true, tuning.StrategyAdaptive)},
}

func meansPatch(hedging bool, strategy string) string {
	return fmt.Sprintf(`{"hedging":{"enabled":%v},"replica_selection":{"strategy":%q},"query_coalescing":{"enabled":false}}`, hedging, strategy)
}

// slow measures searches while one node is slow, with and without what is done about it, in rounds that take turns.
func (s *suite) slow(ctx context.Context, copies int) (err error) {
	if !s.runs(phaseSlow) || copies < 2 {
		return nil
	}
	queries, err := query.Make(s.documents, s.queries, slowHits, s.seed)
	if err != nil {
		return err
	}
	t, err := target.Direct(report.Cluster, s.cluster.URL, s.cluster.Key, searched, queries)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.cluster.Tune(context.WithoutCancel(ctx), `{"hedging":null,"replica_selection":null,"query_coalescing":null}`))
	}()
	for _, trouble := range troubles {
		s.begin("RF %d: searches while one node %s", copies, trouble.name)
		m := slowMeasurement{suite: s, target: t, queries: len(queries)}
		if err := m.measure(ctx, trouble.rhythm); err != nil {
			return err
		}
		for i, one := range means {
			s.report.Slow = append(s.report.Slow, m.result(copies, i, trouble.name, one.name))
		}
		last := s.report.Slow[len(s.report.Slow)-len(means):]
		s.end("p99 %.1f ms with nothing, %.1f with hedging, %.1f with choosing, %.1f with both",
			last[0].Figures.P99, last[1].Figures.P99, last[2].Figures.P99, last[3].Figures.P99)
	}
	return nil
}

// slowMeasurement collects what is seen with each of the means.
type slowMeasurement struct {
	*suite
	target  *target.Target
	queries int
	runs    []load.Run
	legs    []legCounts
}

func (m *slowMeasurement) measure(ctx context.Context, rhythm pause.Rhythm) (err error) {
	m.runs, m.legs = make([]load.Run, len(means)), make([]legCounts, len(means))
	pid, err := m.cluster.Pid(slowSidecar)
	if err != nil {
		return err
	}
	sessions, err := m.target.Open(slowConnections)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close(sessions)) }()
	end := rhythm.Begin(ctx, pid)
	defer func() { err = errors.Join(err, end()) }()
	for round := range m.rounds {
		for turn := range means {
			if err := m.round(ctx, sessions, (round+turn)%len(means)); err != nil {
				return err
			}
			m.at(round*len(means)+turn, m.rounds*len(means))
		}
	}
	return nil
}

func (m *slowMeasurement) round(ctx context.Context, sessions []*target.Session, i int) error {
	if err := m.cluster.Tune(ctx, means[i].patch); err != nil {
		return err
	}
	for begin := time.Now(); time.Since(begin) < slowPause; {
		if _, err := load.Do(ctx, sessions, order(m.queries, slowWarmth)); err != nil {
			return err
		}
	}
	before, err := m.count(ctx)
	if err != nil {
		return err
	}
	run, err := load.Do(ctx, sessions, order(m.queries, m.queries))
	if err != nil {
		return err
	}
	after, err := m.count(ctx)
	if err != nil {
		return err
	}
	m.runs[i].Add(run)
	m.legs[i] = m.legs[i].plus(after.minus(before))
	return nil
}

func (m *slowMeasurement) result(copies, i int, node, means string) report.Slow {
	run := m.runs[i]
	m.report.Refused += run.Refused
	if run.Refusal != nil && len(m.report.Refusals) < maxRefusals {
		m.report.Refusals = append(m.report.Refusals, run.Refusal.Error())
	}
	legs := m.legs[i]
	return report.Slow{
		Copies: copies, Connections: slowConnections, Node: node, Means: means, Figures: report.FiguresOf(report.Cluster, run, nil),
		Legs: legs.all, Hedges: legs.hedges, Share: report.Ratio(legs.slow, legs.all),
	}
}

// legCounts are counters of the gateway.
type legCounts struct{ all, slow, hedges float64 }

func (a legCounts) minus(b legCounts) legCounts {
	return legCounts{a.all - b.all, a.slow - b.slow, a.hedges - b.hedges}
}

func (a legCounts) plus(b legCounts) legCounts {
	return legCounts{a.all + b.all, a.slow + b.slow, a.hedges + b.hedges}
}

// count reads them from all gateways.
func (m *slowMeasurement) count(ctx context.Context) (legCounts, error) {
	var c legCounts
	for name, base := range m.cluster.Metrics() {
		if !strings.HasPrefix(name, "gateway-") {
			continue
		}
		families, err := launch.Scrape(ctx, base)
		if err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
		for _, metric := range families["miroir_node_request_duration_seconds"].GetMetric() {
			n := float64(metric.GetHistogram().GetSampleCount())
			c.all += n
			for _, label := range metric.GetLabel() {
				if label.GetName() == "node_id" && label.GetValue() == slowNode {
					c.slow += n
				}
			}
		}
		for _, metric := range families["miroir_hedge_fired_total"].GetMetric() {
			c.hedges += metric.GetCounter().GetValue()
		}
	}
	return c, nil
}
