package balance

import (
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/tuning"
)

// snapshot is what decisions are made by. It is not modified.
type snapshot struct {
	at       time.Time
	nodes    map[string]standing
	median   [classes]time.Duration // of the nodes' p95
	excluded []string               // best score first
	ramping  bool                   // some node is recovering
}

// standing is one node in a snapshot.
type standing struct {
	node   *node
	p95    [classes]time.Duration
	score  float64
	health health
	since  time.Time
}

// ramp is how long a node that recovers takes to get all of its share back.
const ramp = 10 * time.Second

// leastMedian keeps nodes from being excluded for differences that nobody notices.
const leastMedian = 2 // milliseconds

// snapshot looks at all nodes and changes their health.
func (t *Tracker) snapshot(now time.Time) *snapshot {
	s := &snapshot{at: now, nodes: map[string]standing{}}
	r := t.Tuning().ReplicaSelection
	var counts [classes]int
	t.nodes.Range(func(key, value any) bool {
		name, _ := key.(string)
		n, _ := value.(*node)
		v := standing{node: n}
		n.mu.Lock()
		stale := now.Sub(n.used) > forgotten && n.inflight.Load() == 0
		for c := range v.p95 {
			n.windows[c].turn(now, span)
			v.p95[c] = n.windows[c].quantile(0.95)
			counts[c] += n.windows[c].count()
		}
		n.mu.Unlock()
		if stale {
			t.nodes.CompareAndDelete(name, value)
			t.Metrics.forget(name)
			return true
		}
		s.nodes[name] = v
		return true
	})
	for c := range s.median {
		s.median[c] = s.medianOf(c)
	}
	t.judge(s, counts, r)
	return s
}

// medianOf is the median of the nodes' p95 of a class, the lower one of two; 0 when no node has one.
func (s *snapshot) medianOf(c int) time.Duration {
	var all []time.Duration
	for _, v := range s.nodes {
		if v.p95[c] > 0 {
			all = append(all, v.p95[c])
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// judge scores every node, and excludes those that are far behind.
func (t *Tracker) judge(s *snapshot, counts [classes]int, r tuning.ReplicaSelection) {
	var scores []float64
	for name, v := range s.nodes {
		v.score = s.score(v, counts, r)
		s.nodes[name] = v
		scores = append(scores, v.score)
	}
	if len(scores) == 0 {
		return
	}
	slices.Sort(scores)
	limit := r.ExcludeFactor * max(scores[(len(scores)-1)/2], leastMedian*r.LatencyWeight)
	for name, v := range s.nodes {
		v.health, v.since = v.node.move(v.score, limit, s.at, len(scores) > 1, r)
		s.nodes[name] = v
		switch v.health {
		case excluded:
			s.excluded = append(s.excluded, name)
		case recovering:
			s.ramping = true
		case healthy:
		}
		t.Metrics.node(name, v.score, v.health == excluded)
	}
	slices.SortFunc(s.excluded, func(a, b string) int {
		if d := s.nodes[a].score - s.nodes[b].score; d != 0 {
			if d < 0 {
				return -1
			}
			return 1
		}
		if a < b {
			return -1
		}
		return 1
	})
}

// score is (latency_weight · p95 in ms + inflight_weight · legs under way) · (1 + error_weight · share of failed legs), the
// lower the better (F3). p95 is the mean over the classes of legs as often as they come, and where a node has none of a
// class, the median node's.
func (s *snapshot) score(v standing, counts [classes]int, r tuning.ReplicaSelection) float64 {
	var latency, all float64
	for c, n := range counts {
		p := v.p95[c]
		if p == 0 {
			p = s.median[c]
		}
		if p > 0 {
			latency += float64(n) * float64(p) / float64(time.Millisecond)
			all += float64(n)
		}
	}
	if all > 0 {
		latency /= all
	}
	v.node.mu.Lock()
	errors := v.node.errors.now(s.at, r.HalfLife())
	v.node.mu.Unlock()
	return (r.LatencyWeight*latency + r.InflightWeight*float64(v.node.inflight.Load())) * (1 + r.ErrorWeight*errors)
}

// move changes the node's health where it is time to.
func (n *node) move(score, limit float64, now time.Time, others bool, r tuning.ReplicaSelection) (health, time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.health {
	case healthy, recovering:
		switch {
		case others && (n.failures >= failuresInARow || score > limit && n.measured()):
			n.change(excluded, now)
		case n.health == recovering && now.Sub(n.since) >= ramp:
			n.change(healthy, now)
		}
	case excluded:
		if n.successes >= probesInARow || !others {
			n.change(recovering, now)
		}
	}
	n.limit = limit
	if r.LatencyWeight > 0 {
		n.limit /= r.LatencyWeight
	}
	return n.health, n.since
}

// measured says whether enough is known of a node to say that it is slow. Legs that hang count too.
func (n *node) measured() bool {
	count := int(n.inflight.Load())
	for i := range n.windows {
		count += n.windows[i].count()
	}
	return count >= enough
}
