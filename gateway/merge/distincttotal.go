package merge

// A list in which every distinct value stands once has as many hits as there are values, plus the hits without a value.
// Each leg made such a list of its own documents, so a value that several legs hold was counted several times. The legs'
// counts of the field's values tell how many values there are in all, as long as no document has more than one.

// distinctTotal is the number of hits of the whole list. It is exact where the legs listed everything and counted the
// field's values; otherwise it is the sum of the legs' lists without the hits that were seen to fall out, as an engine too
// only takes off its estimate what it saw.
func (sc *scratch) distinctTotal(req *SearchRequest, dis *distinct) (total int64, exact bool) {
	if req.Page.Exhaustive && req.DistinctCounted && !dis.several {
		if n, ok := sc.countedTotal(req.Distinct, req.Facets.EngineCap); ok {
			return n, true
		}
	}
	return max(int64(len(sc.picks)), sc.total()-dis.dropped), false
}

// countedTotal is the exact number, from legs that counted the values of the distinct field. ok is false where that
// cannot be known: a leg's list of values was cut, or a document has several values.
func (sc *scratch) countedTotal(field string, engineCap int) (total int64, ok bool) {
	c := newValueCount(field, engineCap)
	for i := range sc.tails {
		t := &sc.tails[i]
		with, ok := c.add(t.distribution, t.stats)
		if !ok || with > t.total {
			return 0, false
		}
		total += t.total - with
	}
	return total + c.values(), true
}

// valueCount counts the values of a field over legs.
type valueCount struct {
	field []byte
	most  int
	table facetTable
}

func newValueCount(field string, engineCap int) *valueCount {
	if engineCap <= 0 {
		engineCap = defaultEngineCap
	}
	return &valueCount{field: rawKey(field), most: engineCap, table: facetTable{index: map[string]int32{}}}
}

func (c *valueCount) values() int64 { return int64(len(c.table.values)) }

// add takes the values that one leg counted and says how many of its documents have one.
func (c *valueCount) add(distribution, stats []byte) (with int64, ok bool) {
	if distribution == nil {
		return 0, false
	}
	raw := memberOf(distribution, c.field)
	if raw == nil {
		return 0, true // the leg's documents do not have the field
	}
	if c.table.read(raw) != nil || len(c.table.list) >= c.most {
		return 0, false
	}
	c.table.classify(c.numbers(stats), FacetAlpha)
	for i := range c.table.list {
		v := &c.table.list[i]
		with += int64(v.count) //nolint:gosec // read from an int64
		c.table.add(v)
	}
	return with, true
}

// numbers is the range of the field's numbers, nil if it has none.
func (c *valueCount) numbers(stats []byte) *facetNumbers {
	if stats == nil {
		return nil
	}
	ranges, err := readRanges(stats)
	if err != nil {
		return nil
	}
	for i := range ranges {
		if string(rawKey(ranges[i].name)) == string(c.field) {
			return &ranges[i].facetNumbers
		}
	}
	return nil
}
