package server

import (
	"maps"
	"sync"

	"github.com/miroir-search/miroir/xds/snapshot"
)

// streamID tells the streams of the two protocols apart, which count on their own.
type streamID struct {
	delta bool
	id    int64
}

// ledger knows which Envoy has accepted which revision. Only its own small maps are touched under its lock.
type ledger struct {
	mu      sync.Mutex
	current *snapshot.Snapshot
	own     map[string]*snapshot.Snapshot // what single nodes get in its place
	since   map[string]int64              // per type: the revision that last changed its content
	streams map[streamID]*account
	opened  int64
	changed chan struct{}
}

// account is one stream.
type account struct {
	order int64 // later streams of one node replace earlier ones
	node  string
	types map[string]*progress
}

// progress is one type of resource on one stream.
type progress struct {
	pending map[string]int64 // nonce → revision
	acked   int64
	nacked  int64
}

func newLedger() *ledger {
	return &ledger{since: map[string]int64{}, streams: map[streamID]*account{}, changed: make(chan struct{})}
}

// signal wakes everybody who waits for a change. The lock is held.
func (l *ledger) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *ledger) changes() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// publish notes the snapshot that streams are about to get.
func (l *ledger) publish(next *snapshot.Snapshot, own map[string]*snapshot.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, typeURL := range snapshot.Types() {
		if l.current == nil || !next.SameContent(l.current, typeURL) {
			l.since[typeURL] = next.Revision()
		}
	}
	l.current, l.own = next, own
	l.signal()
}

func (l *ledger) open(id streamID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	l.streams[id] = &account{order: l.opened, types: map[string]*progress{}}
}

func (l *ledger) close(id streamID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, id)
	l.signal()
}

// identify notes who is at the other end; only the first request of a stream must say so.
func (l *ledger) identify(id streamID, node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.streams[id]; a != nil && node != "" && a.node != node {
		a.node = node
		l.signal()
	}
}

func (l *ledger) progress(id streamID, typeURL string) *progress {
	a := l.streams[id]
	if a == nil {
		return nil
	}
	p := a.types[typeURL]
	if p == nil {
		p = &progress{pending: map[string]int64{}}
		a.types[typeURL] = p
	}
	return p
}

// resume notes what a reconnecting Envoy says it has. If that is all of the current snapshot nothing will be sent, and
// so nothing would ever be acknowledged.
func (l *ledger) resume(id streamID, typeURL string, have map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.progress(id, typeURL)
	if p == nil || l.current == nil || len(have) == 0 {
		return
	}
	current := l.current
	if own := l.own[l.streams[id].node]; own != nil {
		current = own
	}
	if maps.Equal(have, current.Versions(typeURL)) {
		p.acked = max(p.acked, current.Revision())
		l.signal()
	}
}

func (l *ledger) sent(id streamID, typeURL, nonce string, revision int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.progress(id, typeURL); p != nil {
		p.pending[nonce] = revision
	}
}

// settle ends the wait for one response. It returns the node, the revision and whether the nonce was known.
func (l *ledger) settle(id streamID, typeURL, nonce string, accepted bool) (string, int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.progress(id, typeURL)
	if p == nil {
		return "", 0, false
	}
	revision, known := p.pending[nonce]
	if !known {
		return "", 0, false
	}
	delete(p.pending, nonce)
	if accepted {
		p.acked = max(p.acked, revision)
	} else {
		p.nacked = max(p.nacked, revision)
	}
	l.signal()
	return l.streams[id].node, revision, true
}

// nodes gives the state of every connected Envoy, the latest stream of each.
func (l *ledger) nodes() map[string]NodeStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]NodeStatus, len(l.streams))
	latest := make(map[string]int64, len(l.streams))
	for _, a := range l.streams {
		if a.node == "" || latest[a.node] > a.order {
			continue
		}
		latest[a.node] = a.order
		out[a.node] = l.status(a)
	}
	return out
}

// status is the lowest revision over all types; a type that lags behind its last change counts with what it accepted,
// one that does not counts as current.
func (l *ledger) status(a *account) NodeStatus {
	if l.current == nil {
		return NodeStatus{}
	}
	s := NodeStatus{Acked: l.current.Revision()}
	for _, typeURL := range snapshot.Types() {
		p := a.types[typeURL]
		if p == nil {
			return NodeStatus{Nacked: s.Nacked}
		}
		if p.acked < l.since[typeURL] {
			s.Acked = min(s.Acked, p.acked)
		}
		// A refusal counts until something newer was accepted.
		if p.nacked > p.acked {
			s.Nacked = max(s.Nacked, p.nacked)
		}
	}
	return s
}
