package merge

import "bytes"

// race is a k-way merge of ordered streams: a heap of the streams by their current hits. The streams themselves are
// never reordered, so what one leg ranked stays in that leg's order (geo buckets of one metre depend on it).
type race struct {
	streams []stream
	heap    []int32 // indices of streams that have a current hit; heap[0] is the best
	look    look
	weigh   func(s *stream) error // optional: derives what is compared from the hit just read
	before  func(x, y *stream) int
}

// start reads the first hit of every stream.
func (r *race) start() error {
	r.heap = r.heap[:0]
	for i := range r.streams {
		s := &r.streams[i]
		ok, _, err := s.advance(&r.look)
		if err == nil && ok && r.weigh != nil {
			err = r.weigh(s)
		}
		if err != nil {
			return err
		}
		if ok {
			r.heap = append(r.heap, int32(i)) //nolint:gosec // number of legs
		}
	}
	for i := len(r.heap)/2 - 1; i >= 0; i-- {
		r.sift(i)
	}
	return nil
}

// best is the stream whose current hit comes next, or nil at the end.
func (r *race) best() *stream {
	if len(r.heap) == 0 {
		return nil
	}
	return &r.streams[r.heap[0]]
}

// pop moves the best stream on.
func (r *race) pop() error {
	s := &r.streams[r.heap[0]]
	ok, same, err := s.advance(&r.look)
	if err == nil && ok && r.weigh != nil {
		err = r.weigh(s)
	}
	switch {
	case err != nil:
		return err
	case !ok:
		last := len(r.heap) - 1
		r.heap[0] = r.heap[last]
		r.heap = r.heap[:last]
	case same && r.weigh == nil && len(s.stamp()) == 0:
		// Equal to the hit that was first, of the same leg, and with no stamp that could put it behind others: still first.
		return nil
	}
	r.sift(0)
	return nil
}

// less is the order of hits of different streams: by the rules, then by the stamps, then by the legs.
func (r *race) less(x, y int32) bool {
	a, b := &r.streams[x], &r.streams[y]
	c := 0
	switch {
	case r.before != nil:
		c = r.before(a, b)
	case len(a.key.raw) == 0 || !bytes.Equal(a.key.raw, b.key.raw):
		c = compareScores(a.key.scores, b.key.scores)
	}
	if c == 0 {
		c = bytes.Compare(a.stamp(), b.stamp())
	}
	if c != 0 {
		return c < 0
	}
	return a.leg < b.leg
}

func (r *race) sift(i int) {
	h := r.heap
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && r.less(h[child+1], h[child]) {
			child++
		}
		if !r.less(h[child], h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
