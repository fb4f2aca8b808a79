package balance

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/tuning"
)

const (
	fresh     = 100 * time.Millisecond // how long a snapshot is used
	forgotten = 10 * time.Minute       // without a leg, after which a node is forgotten
)

// Options are what a Tracker works with.
type Options struct {
	Tuning  func() *tuning.Live // the values that count now
	Now     func() time.Time
	Random  func() float64 // within [0, 1); nil for math/rand
	Metrics *Metrics
}

// Tracker watches the nodes of one gateway. It is safe for concurrent use. A nil Tracker watches nothing and leaves every
// choice to the query.
type Tracker struct {
	Options
	nodes  sync.Map // name to *node
	newest atomic.Pointer[snapshot]
	making sync.Mutex // held by whoever makes a snapshot
	memory memory
	turns  atomic.Uint64 // of round robin
}

// New returns a tracker that knows no nodes.
func New(o Options) *Tracker {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	t := &Tracker{Options: o}
	t.newest.Store(&snapshot{})
	return t
}

// Begin is told of a leg that is sent.
func (t *Tracker) Begin(name string) {
	if t != nil {
		t.of(name).inflight.Add(1)
	}
}

// End is told of the end of a leg that Begin was told of. limit is how long it might have taken.
func (t *Tracker) End(name string, c Class, took, limit time.Duration, o Outcome) {
	if t == nil {
		return
	}
	n := t.of(name)
	n.inflight.Add(-1)
	n.ended(c, took, limit, o, t.Now(), t.Tuning().ReplicaSelection)
}

func (t *Tracker) of(name string) *node {
	known, ok := t.nodes.Load(name)
	if !ok {
		known, _ = t.nodes.LoadOrStore(name, &node{used: t.Now()})
	}
	n, _ := known.(*node)
	return n
}

// now is the newest snapshot; one that is too old is replaced by whoever comes first, and others use it meanwhile.
func (t *Tracker) now() *snapshot {
	s, now := t.newest.Load(), t.Now()
	if now.Sub(s.at) < fresh || !t.making.TryLock() {
		return s
	}
	defer t.making.Unlock()
	s = t.snapshot(now)
	t.newest.Store(s)
	return s
}

// P95 is the time that 95 of 100 legs of the class to the node take at most, or to the median node where that one is
// faster: a slow node is measured by the others. 0 when too few legs are known.
func (t *Tracker) P95(name string, c Class) time.Duration {
	if t == nil {
		return 0
	}
	s := t.now()
	own, median := time.Duration(0), s.median[c]
	if v, ok := s.nodes[name]; ok {
		own = v.p95[c]
	}
	if own == 0 || median != 0 && median < own {
		return median
	}
	return own
}
