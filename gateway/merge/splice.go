package merge

import "slices"

// pick is one hit of the page: where it stands, which of its members are left out and which values are replaced.
type pick struct {
	leg      int32
	semantic bool
	whole    span
	cuts     span // range in scratch.cuts
	swaps    span // range in scratch.swaps
}

// swap replaces the value at a place of a hit by bytes of the scratch's arena.
type swap struct{ at, with span }

// pick keeps the current hit of a stream.
func (sc *scratch) pick(s *stream) {
	l := &sc.race.look
	cut, swapped := len(sc.cuts), len(sc.swaps)
	sc.cuts = l.cutsOf(sc.cuts, &s.hit)
	if l.veil != nil {
		sc.cover(s, l.veil)
	}
	if mine := sc.cuts[cut:]; len(mine) > 1 {
		slices.SortFunc(mine, func(x, y span) int { return x.start - y.start })
	}
	sc.picks = append(sc.picks, pick{
		leg: int32(s.leg), semantic: s.key.vector, whole: s.hit.whole, //nolint:gosec // number of legs
		cuts: span{cut, len(sc.cuts)}, swaps: span{swapped, len(sc.swaps)},
	})
}

// cutsOf lists the members that are in a hit besides the document and that the client did not ask for.
func (l *look) cutsOf(dst []span, h *hitView) []span {
	details, mark := span{}, h.mark
	switch {
	case !l.cutDetails && h.line > 0:
		details = span{h.line, h.line + 1}
	case l.cutDetails && mark.start == h.details.end+1:
		details, mark = span{h.details.start, mark.end}, span{} // most often: only a comma stands between the two
	case l.cutDetails:
		details = h.details
	}
	if details.end > 0 {
		dst = append(dst, details)
	}
	if mark.end > 0 {
		dst = append(dst, mark)
	}
	if l.cutScore && h.score.end > 0 {
		dst = append(dst, h.score)
	}
	if l.cutFederation && h.member.end > 0 {
		dst = append(dst, h.member)
	}
	return dst
}

// size is an upper bound of what append writes.
func (p *pick) size(sc *scratch) int {
	n := p.whole.end - p.whole.start + 1
	for _, c := range sc.cuts[p.cuts.start:p.cuts.end] {
		n -= c.end - c.start
	}
	for _, w := range sc.swaps[p.swaps.start:p.swaps.end] {
		n += w.with.end - w.with.start
	}
	return n
}

// append writes the hit as the client sees it.
func (p *pick) append(dst, body []byte, sc *scratch) []byte {
	cuts := sc.cuts[p.cuts.start:p.cuts.end]
	swaps := sc.swaps[p.swaps.start:p.swaps.end]
	if len(swaps) == 0 {
		return appendObject(dst, body, p.whole, cuts)
	}
	// Swapped values lie between cuts, never across one: write the pieces one after the other into a copy of the hit.
	e := editor{dst: append(dst, '{'), body: body, sc: sc, swaps: swaps}
	at := p.whole.start + 1
	for _, c := range cuts {
		if c.start >= at {
			e.run(at, c.start)
			at = c.end
		}
	}
	e.run(at, p.whole.end-1)
	return append(e.dst, '}')
}

// editor writes runs of members and replaces values on the way.
type editor struct {
	dst, body []byte
	sc        *scratch
	swaps     []swap
	some      bool
}

func (e *editor) run(from, to int) {
	from, to = trimRun(e.body, from, to)
	if from == to {
		return
	}
	if e.some {
		e.dst = append(e.dst, ',')
	}
	e.some = true
	for _, w := range e.swaps {
		if w.at.start >= from && w.at.end <= to {
			e.dst = append(e.dst, e.body[from:w.at.start]...)
			e.dst = append(e.dst, w.with.of(e.sc.arena)...)
			from = w.at.end
		}
	}
	e.dst = append(e.dst, e.body[from:to]...)
}

// appendObject appends the object at whole without the members in cuts (ascending spans of key and value).
func appendObject(dst, body []byte, whole span, cuts []span) []byte {
	if len(cuts) == 0 {
		return append(dst, whole.of(body)...)
	}
	dst = append(dst, '{')
	some := false
	at := whole.start + 1
	for i := 0; i <= len(cuts); i++ {
		end := whole.end - 1
		if i < len(cuts) {
			if end = cuts[i].start; end < at {
				continue
			}
		}
		from, to := trimRun(body, at, end)
		if from < to {
			if some {
				dst = append(dst, ',')
			}
			dst, some = append(dst, body[from:to]...), true
		}
		if i < len(cuts) {
			at = cuts[i].end
		}
	}
	return append(dst, '}')
}

// trimRun frees whole members between two positions of the commas and spaces around them.
func trimRun(body []byte, from, to int) (int, int) {
	for from < to && (body[from] == ',' || body[from] <= ' ') {
		from++
	}
	for to > from && (body[to-1] == ',' || body[to-1] <= ' ') {
		to--
	}
	return from, to
}
