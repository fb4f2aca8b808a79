package view

import (
	"sync"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
)

// Sightings remembers when each node was last seen alive by this process. It is safe for concurrent use.
type Sightings struct {
	now  func() time.Time
	mu   sync.Mutex
	last map[string]time.Time
	here map[string]bool // alive in the newest view
}

// NewSightings returns an empty memory.
func NewSightings(now func() time.Time) *Sightings {
	return &Sightings{now: now, last: map[string]time.Time{}, here: map[string]bool{}}
}

// Observe takes over a view.
func (s *Sightings) Observe(v *routing.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for id, n := range v.Nodes {
		if n.Alive || s.here[id] {
			s.last[id] = now
		}
		s.here[id] = n.Alive
	}
}

// Since is how long ago a node was last alive: 0 while it is. ok is false when this process never saw it alive.
func (s *Sightings) Since(id string) (ago time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.last[id]
	switch {
	case !ok:
		return 0, false
	case s.here[id]:
		return 0, true
	default:
		return s.now().Sub(at), true
	}
}
