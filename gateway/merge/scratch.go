package merge

import "sync"

// scratch is the working memory of one merge. Nothing of it outlives the call.
type scratch struct {
	race  race
	picks []pick
	cuts  []span
	swaps []swap
	tails []tail
	arena []byte
}

// scratches spares the collector the working memory; it holds no state between merges.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

func borrow(legs int) *scratch {
	s := scratches.Get().(*scratch)
	if cap(s.race.streams) < legs {
		s.race.streams = make([]stream, legs)
	}
	s.race.streams = s.race.streams[:legs]
	return s
}

// maxKept bounds what stays in the pool after an unusually large page.
const maxKept = 1 << 16

func (s *scratch) release() {
	for i := range s.race.streams {
		st := &s.race.streams[i]
		st.key.forget()
		st.body, st.list, st.hit = nil, elements{}, hitView{}
	}
	clear(s.tails[:cap(s.tails)])
	s.race.heap, s.race.look, s.race.weigh, s.race.before = s.race.heap[:0], look{}, nil, nil
	s.picks, s.cuts, s.swaps = s.picks[:0], s.cuts[:0], s.swaps[:0]
	s.tails, s.arena = s.tails[:0], s.arena[:0]
	if cap(s.picks) > maxKept || cap(s.arena) > 16*maxKept {
		return
	}
	scratches.Put(s)
}
