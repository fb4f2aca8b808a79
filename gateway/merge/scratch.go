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
	s, ok := scratches.Get().(*scratch)
	if !ok {
		s = new(scratch)
	}
	if cap(s.race.streams) < legs {
		s.race.streams = make([]stream, legs)
	}
	s.race.streams = s.race.streams[:legs]
	return s
}

// maxKept bounds what stays in the pool after an unusually large page.
const maxKept = 1 << 16

func (sc *scratch) release() {
	for i := range sc.race.streams {
		st := &sc.race.streams[i]
		st.key.forget()
		st.body, st.list, st.hit = nil, elements{}, hitView{}
	}
	clear(sc.tails[:cap(sc.tails)])
	sc.race.heap, sc.race.look, sc.race.weigh, sc.race.before = sc.race.heap[:0], look{}, nil, nil
	sc.picks, sc.cuts, sc.swaps = sc.picks[:0], sc.cuts[:0], sc.swaps[:0]
	sc.tails, sc.arena = sc.tails[:0], sc.arena[:0]
	if cap(sc.picks) > maxKept || cap(sc.arena) > 16*maxKept {
		return
	}
	scratches.Put(sc)
}
