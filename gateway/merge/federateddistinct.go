package merge

// claims keeps the first hit of every distinct value over all indexes of a federated search. Within an index one engine
// would have kept one hit per value anyway; between indexes it drops the later hit and takes it off the total.
type claims struct {
	distinct
	claimed map[claim]struct{}
	within  int64 // hits dropped for a better one of the same index
	across  int64 // hits dropped for a better one of another index
}

type claim struct{ index, value string }

func newClaims(field string) *claims {
	d := newDistinct(field)
	if d == nil {
		return nil
	}
	return &claims{distinct: *d, claimed: map[claim]struct{}{}}
}

// admit says whether the current hit of a stream is kept, and if not, whether its index has listed one of its values
// before.
func (c *claims) admit(s *stream) (fresh, again bool) {
	fresh = c.fresh(s.body, s.hit.whole.start)
	for _, v := range c.found {
		if _, again = c.claimed[claim{s.fed.index, v}]; again {
			break
		}
	}
	switch {
	case again:
		c.within++
		return false, true
	case fresh:
		c.keep()
	default:
		c.across++
	}
	for _, v := range c.found {
		c.claimed[claim{s.fed.index, v}] = struct{}{}
	}
	return fresh, false
}

// total is the sum of the legs' totals without the hits that the distinct rule drops between legs and indexes: exactly,
// where the legs counted the values and no document has several, otherwise without those that were seen to be dropped.
func (f *federation) total(dis *claims) int64 {
	sum := f.sc.total() - f.again
	for _, d := range f.alone {
		if d != nil {
			sum -= d.dropped
		}
	}
	if dis == nil {
		return max(int64(len(f.sc.picks)), sum)
	}
	if f.req.Page.Exhaustive && f.req.DistinctCounted && !dis.several {
		if total, ok := f.distinctTotal(); ok {
			return max(0, total-dis.across)
		}
	}
	return max(0, sum-dis.within-dis.across)
}

// distinctTotal adds up how many hits one engine would list of every index.
func (f *federation) distinctTotal() (total int64, ok bool) {
	counts := map[string]*valueCount{}
	for i := range f.sc.tails {
		t := &f.sc.tails[i]
		if t.byIndex == nil {
			return 0, false
		}
		left := t.total
		fine := true
		m := objectAt(t.byIndex, 0)
		for m.next() && fine {
			physical := m.name()
			name := f.clientName(i, physical)
			facets := m.raw()
			c := counts[name]
			if c == nil {
				c = newValueCount(f.req.Distinct, f.req.Facets[name].EngineCap)
				counts[name] = c
			}
			var with int64
			with, fine = c.add(memberOf(facets, []byte("distribution")), memberOf(facets, []byte("stats")))
			left -= with
		}
		if m.bad || !fine || left < 0 {
			return 0, false
		}
		total += left
	}
	for _, c := range counts {
		total += c.values()
	}
	return total, true
}

// clientName is the client's name of an index that a leg calls by a name of its own.
func (f *federation) clientName(leg int, physical string) string {
	if name, ok := f.legs[leg].Indexes[physical]; ok {
		return name
	}
	return physical
}
