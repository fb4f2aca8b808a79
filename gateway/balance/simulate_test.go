package balance

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/tuning"
)

// world is nodes in simulated time: a request comes every so often, and its legs end when their nodes say so.
type world struct {
	*Tracker
	live    tuning.Live
	time    time.Time
	random  *rand.Rand
	holders []shardmap.Holder
	shards  int
	node    func(name string, at time.Time) (took time.Duration, fails bool)
	ends    ends
	legs    map[string]int
	asked   int
}

func newWorld(nodes, copies int) *world {
	w := &world{live: tuning.Default(), time: time.Unix(1_000_000, 0), random: rand.New(rand.NewPCG(1, 2)), shards: 12, legs: map[string]int{}}
	w.Tracker = New(Options{
		Tuning: func() *tuning.Live { return &w.live }, Now: func() time.Time { return w.time }, Random: w.random.Float64,
		Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	names := make([]string, nodes)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	owners, err := shardmap.Place(w.shards, copies, names)
	if err != nil {
		panic(err)
	}
	w.holders = shardmap.HoldersOf(owners)
	w.node = func(string, time.Time) (time.Duration, bool) {
		return time.Duration(2000+w.random.IntN(6000)) * time.Microsecond, false
	}
	return w
}

// cover plans as gateway/plan does, over one group.
func (w *world) cover(seed uint64, avoid plan.Avoid) plan.Read {
	var up []shardmap.Holder
	for _, h := range w.holders {
		if avoid == nil || !avoid(h.Node) {
			up = append(up, h)
		}
	}
	cover, missing := shardmap.CoveringSet(w.shards, up, seed)
	p := plan.Read{Missing: missing}
	for _, c := range cover {
		p.Legs = append(p.Legs, plan.Leg{Node: c.Node, Shards: c.Shards})
	}
	return p
}

type end struct {
	at    time.Time
	node  string
	took  time.Duration
	fails bool
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) } //nolint:forcetypeassert // heap's
func (e *ends) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

// run lets requests come for a while.
func (w *world) run(long, every time.Duration) {
	w.legs, w.asked = map[string]int{}, 0
	for until := w.time.Add(long); w.time.Before(until); {
		w.settle()
		p, _ := w.Choose(w.random.Uint64(), w.cover)
		if len(p.Missing) > 0 {
			panic("a shard is missing though every node is up")
		}
		w.asked++
		for _, l := range p.Legs {
			w.legs[l.Node]++
			w.Begin(l.Node)
			took, fails := w.node(l.Node, w.time)
			heap.Push(&w.ends, end{w.time.Add(took), l.Node, took, fails})
		}
		w.time = w.time.Add(every)
	}
	w.settle()
}

func (w *world) settle() {
	now := w.time
	for len(w.ends) > 0 && !w.ends[0].at.After(now) {
		e := heap.Pop(&w.ends).(end) //nolint:forcetypeassert // ours
		w.time = e.at
		how := Answered
		if e.fails {
			how = Failed
		}
		w.End(e.node, Searches, e.took, 5*time.Second, how)
	}
	w.time = now
}

// share is the part of all legs that went to a node.
func (w *world) share(node string) float64 {
	all := 0
	for _, n := range w.legs {
		all += n
	}
	return float64(w.legs[node]) / float64(all)
}

// shapes are nodes and copies; a single node is enough for the first.
var shapes = []struct{ nodes, copies int }{{2, 2}, {3, 2}, {6, 3}}

// A3.1, A3.3: a node that becomes slower by 200 ms gets a tenth of the legs at most within 15 s, never none over a minute, and
// its share is back a minute after it is well again.
func TestA31A33ASlowNodeIsSparedAndComesBack(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("%d nodes %d copies", s.nodes, s.copies), func(t *testing.T) {
			w := newWorld(s.nodes, s.copies)
			w.run(20*time.Second, 5*time.Millisecond)
			before := w.share("n0")
			well := w.node
			w.node = func(name string, at time.Time) (time.Duration, bool) {
				took, fails := well(name, at)
				if name == "n0" {
					took += 200 * time.Millisecond
				}
				return took, fails
			}
			w.run(15*time.Second, 10*time.Millisecond)
			w.run(time.Minute, 10*time.Millisecond)
			if got := w.share("n0"); got > 0.1 || got == 0 {
				t.Errorf("a slow node gets %.3f of all legs, %.3f before", got, before)
			}
			w.node = well
			w.run(time.Minute, 10*time.Millisecond)
			w.run(20*time.Second, 10*time.Millisecond)
			if got := w.share("n0"); got < 0.8*before || got > 1.2*before {
				t.Errorf("a node that is well again gets %.3f of all legs, %.3f before", got, before)
			}
		})
	}
}

// A3.2, A3.3: a node that fails at once is no fast node: it gets nothing but probes.
func TestA32ANodeThatFailsFastGetsProbesOnly(t *testing.T) {
	w := newWorld(3, 2)
	w.run(10*time.Second, 5*time.Millisecond)
	before := w.share("n1")
	well := w.node
	w.node = func(name string, at time.Time) (time.Duration, bool) {
		if name == "n1" {
			return time.Millisecond, true
		}
		return well(name, at)
	}
	w.run(time.Second, 5*time.Millisecond)
	w.run(30*time.Second, 5*time.Millisecond)
	if got := w.legs["n1"]; got < 10 || got > 31 {
		t.Errorf("%d legs in 30 s to a node that fails", got)
	}
	w.node = well
	w.run(time.Minute, 10*time.Millisecond)
	w.run(20*time.Second, 10*time.Millisecond)
	if got := w.share("n1"); got < 0.8*before || got > 1.2*before {
		t.Errorf("a node that is well again gets %.3f of all legs, %.3f before", got, before)
	}
}

// A node that hangs is left out before its first leg has timed out.
func TestANodeThatHangsIsLeftOutAtOnce(t *testing.T) {
	w := newWorld(3, 2)
	w.run(10*time.Second, 2*time.Millisecond)
	well := w.node
	w.node = func(name string, at time.Time) (time.Duration, bool) {
		if name == "n2" {
			return 5 * time.Second, true
		}
		return well(name, at)
	}
	w.run(time.Second, 2*time.Millisecond)
	if got := w.legs["n2"]; got > 120 {
		t.Errorf("%d of %d legs hang", got, w.asked)
	}
}

// A3.4: where all owners are slow, or all fail, they are asked all the same.
func TestA34AllOwnersSlow(t *testing.T) {
	w := newWorld(3, 2)
	w.run(10*time.Second, 5*time.Millisecond)
	w.node = func(string, time.Time) (time.Duration, bool) { return 500 * time.Millisecond, false }
	w.run(20*time.Second, 20*time.Millisecond) // run panics where a shard is missing
	w.node = func(string, time.Time) (time.Duration, bool) { return time.Millisecond, true }
	w.run(20*time.Second, 20*time.Millisecond)
	if s := w.now(); len(s.excluded) != 3 {
		t.Errorf("%v are excluded while all fail", s.excluded)
	}
}

// A3.5: strategies change while the gateway runs; in turn means equal shares.
func TestA35RoundRobinIsEven(t *testing.T) {
	w := newWorld(2, 2)
	w.live.ReplicaSelection.Strategy = tuning.StrategyRoundRobin
	w.node = func(name string, _ time.Time) (time.Duration, bool) {
		return map[string]time.Duration{"n0": time.Millisecond, "n1": 300 * time.Millisecond}[name], false
	}
	w.run(20*time.Second, 5*time.Millisecond)
	if got := w.share("n0"); got < 0.475 || got > 0.525 {
		t.Errorf("shares of %.3f and %.3f", got, 1-got)
	}
	w.live.ReplicaSelection.Strategy = tuning.StrategyAdaptive
	w.run(15*time.Second, 5*time.Millisecond)
	w.run(10*time.Second, 5*time.Millisecond)
	if got := w.share("n1"); got > 0.1 {
		t.Errorf("the slow node gets %.3f of all legs", got)
	}
}

// The pages of a query come from the same copies, whatever else is asked meanwhile, as long as these are well; a query of
// which nothing is remembered is planned by itself alone where all nodes do alike.
func TestPagesComeFromTheSameCopies(t *testing.T) {
	for _, strategy := range []string{tuning.StrategyAdaptive, tuning.StrategyRoundRobin, tuning.StrategyRandom} {
		w := newWorld(6, 2)
		w.live.ReplicaSelection.Strategy = strategy
		w.run(10*time.Second, 5*time.Millisecond)
		first := map[uint64]plan.Read{}
		for q := range uint64(200) {
			first[q*7919], _ = w.Choose(q*7919, w.cover)
		}
		for range 3 {
			w.run(20*time.Second, 20*time.Millisecond)
			for q, p := range first {
				again, _ := w.Choose(q, w.cover)
				if !slices.EqualFunc(again.Legs, p.Legs, func(a, b plan.Leg) bool { return a.Node == b.Node && slices.Equal(a.Shards, b.Shards) }) {
					t.Fatalf("%s: query %d moved from %v to %v", strategy, q, p.Legs, again.Legs)
				}
			}
		}
	}
	a, b := newWorld(6, 2), newWorld(6, 2)
	b.random = rand.New(rand.NewPCG(3, 4))
	a.live.ReplicaSelection.ExplorationEpsilon, b.live.ReplicaSelection.ExplorationEpsilon = 0, 0
	a.run(10*time.Second, 20*time.Millisecond)
	b.run(10*time.Second, 20*time.Millisecond)
	alike := 0
	for q := range uint64(1000) {
		x, _ := a.Choose(q, a.cover)
		y, _ := b.Choose(q, b.cover)
		if slices.EqualFunc(x.Legs, y.Legs, func(a, b plan.Leg) bool { return a.Node == b.Node }) {
			alike++
		}
	}
	if alike < 900 {
		t.Errorf("two gateways plan %d of 1000 queries alike", alike)
	}
}

// What is remembered is bounded.
func TestTheMemoryIsBounded(t *testing.T) {
	var m memory
	now := time.Unix(1000, 0)
	for q := range uint64(5 * maxMemory) {
		m.remember(q, q, now)
	}
	if n := len(m.seeds[0]) + len(m.seeds[1]); n > 2*maxMemory {
		t.Errorf("%d queries are remembered", n)
	}
	if _, ok := m.recall(5*maxMemory-1, now); !ok {
		t.Error("the last query is not remembered")
	}
	for _, q := range []uint64{0, 5*maxMemory - 1} {
		if _, ok := m.recall(q, now.Add(3*lifetime)); ok && q == 0 {
			t.Errorf("query %d is remembered for ever", q)
		}
	}
	m.remember(2, 2, now.Add(4*lifetime))
	m.remember(3, 3, now.Add(8*lifetime))
	if n := len(m.seeds[0]) + len(m.seeds[1]); n != 2 {
		t.Errorf("%d queries are remembered for ever", n)
	}
}
