package balance

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/tuning"
)

// Class is a kind of legs whose times can be compared.
type Class uint8

// Classes of legs.
const (
	Searches  Class = iota // search, facet search, similar
	Batches                // federated searches
	Documents              // lists of documents
	Others                 // what a node says of itself
	classes
)

// Outcome is how a leg ended.
type Outcome uint8

// Outcomes. A leg that was given up says only how long it took at least.
const (
	Answered Outcome = iota
	Failed           // no answer in time, or an error of the node itself
	GivenUp          // nobody waits for it any more
)

// Legs that fail in a row exclude a node, whatever its times are; probes that succeed in a row bring it back.
const (
	failuresInARow = 5
	probesInARow   = 3
)

// span is how long times are kept: one to two of them.
const span = 5 * time.Second

// health is where a node stands.
type health uint8

const (
	healthy health = iota
	excluded
	recovering
)

// node is what is known of one node.
type node struct {
	inflight atomic.Int64

	mu        sync.Mutex // held for arithmetic only
	windows   [classes]window
	peak      decay // milliseconds
	errors    decay // share of legs
	failures  int   // in a row
	used      time.Time
	health    health
	since     time.Time // of the health
	probed    time.Time // when the last probe was let through
	successes int       // of probes in a row
	limit     float64   // milliseconds, within which a probe must be answered
}

// ended takes the end of a leg. limit is what a failed leg counts as: a node that fails fast is not a fast one.
func (n *node) ended(c Class, took, limit time.Duration, o Outcome, now time.Time, r tuning.ReplicaSelection) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used = now
	if o == Failed {
		took = max(took, limit)
	}
	half := r.HalfLife()
	w := &n.windows[c]
	w.turn(now, span)
	w.add(took)
	n.peak.peak(float64(took)/float64(time.Millisecond), now, half)
	switch o {
	case Answered:
		n.errors.mean(0, 0, now, half)
		n.failures = 0
		if n.successes++; float64(took) > n.limit*float64(time.Millisecond) {
			n.successes = 0
		}
	case Failed:
		n.errors.mean(1, 0.05, now, half)
		n.failures++
		n.successes = 0
	case GivenUp:
	}
}

// change moves the node to another health. The lock is held.
func (n *node) change(h health, now time.Time) {
	n.health, n.since, n.successes, n.probed = h, now, 0, now
	if h == recovering { // what it was like before does not count any more
		for i := range n.windows {
			n.windows[i].clear()
		}
		n.peak, n.errors, n.failures = decay{}, decay{}, 0
	}
}
