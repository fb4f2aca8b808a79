package serve

import (
	"slices"
	"sync"
	"time"
)

// place says where in the legs' lists the documents of a merged list from a rank on begin.
type place struct {
	rank int
	at   []int // by leg
}

// behind is the place that lies so many documents further on, of which used stood in each leg's list.
func (p place) behind(documents int, used []int) place {
	out := place{p.rank + documents, slices.Clone(p.at)}
	for i, n := range used {
		out.at[i] += n
	}
	return out
}

// places remembers places of listings that were read before, so that a deep page need not walk all the way again. What it
// knows of a list is forgotten with the next write to the index, and after a while.
type places struct {
	mu    sync.Mutex
	lists map[string]*knownList
}

type knownList struct {
	version uint64 // of the index's documents
	since   time.Time
	ranks   []place // ascending
}

// Bounds of what is remembered.
const (
	maxLists      = 512
	maxPlaces     = 64
	placeLifetime = time.Minute
)

// before is the last known place at or before a rank; the start of all lists where none is known.
func (p *places) before(list string, version uint64, rank, legs int) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.lists[list]
	if !ok || k.version != version || time.Since(k.since) > placeLifetime {
		return place{at: make([]int, legs)}
	}
	i, exact := slices.BinarySearchFunc(k.ranks, rank, func(x place, r int) int { return x.rank - r })
	if !exact {
		i--
	}
	if i < 0 {
		return place{at: make([]int, legs)}
	}
	return place{k.ranks[i].rank, slices.Clone(k.ranks[i].at)}
}

// remember keeps a place. at is not changed afterwards.
func (p *places) remember(list string, version uint64, found place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.lists[list]
	if !ok || k.version != version || time.Since(k.since) > placeLifetime {
		if p.lists == nil || len(p.lists) >= maxLists {
			p.lists = map[string]*knownList{}
		}
		k = &knownList{version: version, since: time.Now()}
		p.lists[list] = k
	}
	i, exact := slices.BinarySearchFunc(k.ranks, found.rank, func(x place, r int) int { return x.rank - r })
	switch {
	case exact:
		k.ranks[i] = found
		return
	case len(k.ranks) == maxPlaces:
		k.ranks = slices.Delete(k.ranks, 0, 1) // lists are read from their start on
		i = max(0, i-1)
	}
	k.ranks = slices.Insert(k.ranks, i, found)
}
