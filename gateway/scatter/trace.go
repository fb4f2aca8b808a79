package scatter

import (
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/plan"
)

// Trace lists the requests that nodes got for one client request. The zero Trace is ready. A nil Trace lists nothing.
type Trace struct {
	mu   sync.Mutex // held for an append
	sent []Sent
}

// Sent is one request to a node.
type Sent struct {
	Leg    plan.Leg
	Took   time.Duration
	Status int    // 0 where there was no answer
	Body   []byte // of the answer
	Hedged bool   // another node was late
	Again  bool   // another node failed
}

// standing is why a request is sent.
type standing int

const (
	planned standing = iota
	hedged           // another node is late
	again            // another node failed
)

func (t *Trace) add(s Sent) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = append(t.sent, s)
}

// Sent lists what was sent so far, in the order in which answers came.
func (t *Trace) Sent() []Sent {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.sent)
}
