package balance

import (
	"sync"
	"time"
)

// memory remembers which seed a query's copies were chosen by, so that its next page comes from the same copies. It is
// forgotten one to two lifetimes later, or when so many other queries came: what is asked again and again is chosen anew now
// and then.
type memory struct {
	mu     sync.Mutex // held for a look into a map
	seeds  [2]map[uint64]uint64
	turned time.Time
}

const (
	lifetime  = time.Minute
	maxMemory = 16 << 10 // queries in each half
)

// recall is the seed of a query's earlier page.
func (m *memory) recall(query uint64, now time.Time) (seed uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seed, ok = m.seeds[0][query]; ok {
		return seed, true
	}
	if now.Sub(m.turned) > 2*lifetime {
		return 0, false
	}
	seed, ok = m.seeds[1][query]
	return seed, ok
}

// remember keeps a seed. Of two that choose for one query at the same time, the first counts, and its seed is returned.
func (m *memory) remember(query, seed uint64, now time.Time) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.seeds[0][query]; ok {
		return known
	}
	m.keep(query, seed, now)
	return seed
}

func (m *memory) keep(query, seed uint64, now time.Time) {
	if m.seeds[0] == nil || len(m.seeds[0]) >= maxMemory || now.Sub(m.turned) > lifetime {
		m.seeds[1], m.seeds[0], m.turned = m.seeds[0], map[uint64]uint64{}, now
	}
	m.seeds[0][query] = seed
}
