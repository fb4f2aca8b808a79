package balance

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/tuning"
)

// Cover plans a read by a seed, without the nodes to avoid (nil: none).
type Cover func(seed uint64, avoid plan.Avoid) plan.Read

// Choice is how a read was planned, for whoever has to plan more in the same way.
type Choice struct {
	Seed  uint64
	Avoid plan.Avoid
}

// The second of two choices is taken when the first costs so many times as much, and so much more: where all nodes do
// alike, a query alone decides, and so do all gateways alike.
const (
	clearly     = 1.5
	clearlyMore = 2 // milliseconds
)

// Choose plans a read of a query. The query is a number that depends on all of it but its window.
func (t *Tracker) Choose(query uint64, cover Cover) (plan.Read, Choice) {
	if t == nil {
		return cover(query, nil), Choice{Seed: query}
	}
	s, now, r := t.now(), t.Now(), &t.Tuning().ReplicaSelection
	if name := t.probe(s, now, r); name != "" {
		if p, c, ok := s.including(name, query, cover); ok {
			t.Metrics.probes.Inc()
			return p, c
		}
	}
	c := Choice{Seed: query, Avoid: s.avoid(query, r)}
	known := query + uint64(len(r.Strategy)) // what another strategy chose does not count
	if seed, ok := t.memory.recall(known, now); ok {
		c.Seed = seed
		p := cover(seed, c.Avoid)
		return s.whole(p, c, cover)
	}
	p := t.choose(s, r, &c, cover)
	if kept := t.memory.remember(known, c.Seed, now); kept != c.Seed {
		c.Seed = kept
		p = cover(kept, c.Avoid)
	}
	return s.whole(p, c, cover)
}

// Peek plans a read as Choose would, but for chance: it probes nobody, explores nothing and is not remembered.
func (t *Tracker) Peek(query uint64, cover Cover) plan.Read {
	if t == nil {
		return cover(query, nil)
	}
	s, r := t.now(), &t.Tuning().ReplicaSelection
	c := Choice{Seed: query, Avoid: s.avoid(query, r)}
	if seed, ok := t.memory.recall(query, t.Now()); ok {
		c.Seed = seed
	} else if first := cover(c.Seed, c.Avoid); r.Strategy == tuning.StrategyAdaptive {
		if one := s.cost(first.Legs, r); clearlyBetter(one, s.cheapest(r), r) {
			second := cover(other(c.Seed), c.Avoid)
			if alternative(first, second) && clearlyBetter(one, s.cost(second.Legs, r), r) {
				c.Seed = other(c.Seed)
			}
		}
	}
	p, _ := s.whole(cover(c.Seed, c.Avoid), c, cover)
	return p
}

// alternative says whether a second plan is another one that takes no more and lacks no more.
func alternative(first, second plan.Read) bool {
	return len(second.Missing) <= len(first.Missing) && len(second.Legs) <= len(first.Legs) && !same(first.Legs, second.Legs)
}

// choose decides for a query that was not asked lately.
func (t *Tracker) choose(s *snapshot, r *tuning.ReplicaSelection, c *Choice, cover Cover) plan.Read {
	switch r.Strategy {
	case tuning.StrategyRoundRobin:
		c.Seed = t.turns.Add(1)
		return cover(c.Seed, c.Avoid)
	case tuning.StrategyRandom:
		return cover(c.Seed, c.Avoid)
	}
	first := cover(c.Seed, c.Avoid)
	explore := r.ExplorationEpsilon > 0 && t.Random() < r.ExplorationEpsilon
	one := s.cost(first.Legs, r)
	if !explore && !clearlyBetter(one, s.cheapest(r), r) {
		return first // no other choice can be clearly better
	}
	seed := other(c.Seed)
	second := cover(seed, c.Avoid)
	if !alternative(first, second) {
		return first
	}
	better := clearlyBetter(one, s.cost(second.Legs, r), r)
	switch {
	case explore:
		t.Metrics.exploration.Inc()
		better = !better
	case better:
		t.Metrics.second.Inc()
	}
	if !better {
		return first
	}
	c.Seed = seed
	return second
}

// other makes the second seed of a query from its first.
func other(seed uint64) uint64 { return seed*0x9E3779B97F4A7C15 + 0x6A09E667F3BCC909 }

func clearlyBetter(one, two float64, r *tuning.ReplicaSelection) bool {
	return one > clearly*two && one-two > clearlyMore*r.LatencyWeight
}

func same(a, b []plan.Leg) bool {
	return slices.EqualFunc(a, b, func(x, y plan.Leg) bool { return x.Node == y.Node && len(x.Shards) == len(y.Shards) })
}

// cost is what the dearest leg costs: the answer waits for it.
func (s *snapshot) cost(legs []plan.Leg, r *tuning.ReplicaSelection) float64 {
	most := 0.0
	for i := range legs {
		if v, ok := s.nodes[legs[i].Node]; ok {
			most = max(most, v.node.cost(s.at, r))
		}
	}
	return most
}

// cheapest is what the cheapest node costs.
func (s *snapshot) cheapest(r *tuning.ReplicaSelection) float64 {
	least, found := 0.0, false
	for _, v := range s.nodes {
		if v.health == excluded {
			continue
		}
		if c := v.node.cost(s.at, r); !found || c < least {
			least, found = c, true
		}
	}
	return least
}

// cost is what a leg to the node costs now: its peak-sensitive average, and the legs that are under way.
func (n *node) cost(now time.Time, r *tuning.ReplicaSelection) float64 {
	half := r.HalfLife()
	n.mu.Lock()
	latency, errors := n.peak.now(now, half), n.errors.now(now, half)
	n.mu.Unlock()
	return (r.LatencyWeight*latency + r.InflightWeight*float64(n.inflight.Load())) * (1 + r.ErrorWeight*errors)
}

// avoid says whom a query does not go to; nil when everybody is healthy. A node that recovers gets back one query after the
// other, always the same ones first.
func (s *snapshot) avoid(query uint64, r *tuning.ReplicaSelection) plan.Avoid {
	if len(s.excluded) == 0 && !s.ramping || r.Strategy != tuning.StrategyAdaptive {
		return nil
	}
	return func(name string) bool {
		v, ok := s.nodes[name]
		if !ok {
			return false
		}
		switch v.health {
		case excluded:
			return true
		case recovering:
			back := float64(s.at.Sub(v.since)) / float64(ramp)
			return float64((query^xxhash.Sum64String(name))%1024)/1024 >= back
		case healthy:
		}
		return false
	}
}

// whole takes avoided nodes back, the best first, where the others do not hold all shards: a slow node is better than none.
func (s *snapshot) whole(p plan.Read, c Choice, cover Cover) (plan.Read, Choice) {
	if len(p.Missing) == 0 || c.Avoid == nil {
		return p, c
	}
	for i := 0; i <= len(s.excluded) && len(p.Missing) > 0; i++ {
		out := s.excluded[i:]
		more := Choice{Seed: c.Seed, Avoid: func(name string) bool { return slices.Contains(out, name) }}
		if q := cover(c.Seed, more.Avoid); len(q.Missing) < len(p.Missing) {
			p, c = q, more
		}
	}
	return p, c
}

// probe names an excluded node that may get a query again: one a second, and only one of all requests.
func (t *Tracker) probe(s *snapshot, now time.Time, r *tuning.ReplicaSelection) string {
	if r.Strategy != tuning.StrategyAdaptive {
		return ""
	}
	for _, name := range s.excluded {
		n := s.nodes[name].node
		n.mu.Lock()
		due := n.health == excluded && now.Sub(n.probed) >= time.Second
		if due {
			n.probed = now
		}
		n.mu.Unlock()
		if due {
			return name
		}
	}
	return ""
}

// probeSeeds is how many seeds are tried to find a plan that includes a node.
const probeSeeds = 4

// including plans a read with an excluded node in it.
func (s *snapshot) including(name string, query uint64, cover Cover) (plan.Read, Choice, bool) {
	c := Choice{Seed: query, Avoid: func(other string) bool { return other != name && slices.Contains(s.excluded, other) }}
	for range probeSeeds {
		p := cover(c.Seed, c.Avoid)
		if len(p.Missing) == 0 && slices.ContainsFunc(p.Legs, func(l plan.Leg) bool { return l.Node == name }) {
			return p, c, true
		}
		c.Seed = other(c.Seed)
	}
	return plan.Read{}, c, false
}

// Avoid says who is left out now, for whoever looks for other nodes than planned; nil when nobody is.
func (t *Tracker) Avoid() plan.Avoid {
	if t == nil {
		return nil
	}
	s := t.now()
	if len(s.excluded) == 0 || t.Tuning().ReplicaSelection.Strategy != tuning.StrategyAdaptive {
		return nil
	}
	return func(name string) bool { return s.nodes[name].health == excluded }
}
