package merge

import (
	"bytes"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// DocumentsRequest is what the merge must know of a client's listing of documents.
type DocumentsRequest struct {
	Offset int
	Limit  int
	// Sorted: the client gave `sort`. The legs were asked by POST …/documents/fetch with `Meili-Proxy-Search: true`, so that
	// every document carries its sort values in `_federation`, and for everything up to the end of the window.
	Sorted bool
	// Asked is the offset every leg was asked with, for unsorted listings; nil: 0 everywhere.
	Asked []int
	// Ordered is the largest total up to which an unsorted listing comes in the order in which its documents were written,
	// as on one engine. The legs kept their stamps and were asked for everything up to the end of the window.
	Ordered int64
	Dst     []byte // the body is appended to it; nil: a new one
}

// Documents merges listings of documents. Sorted ones by their sort values; unsorted ones by their stamps, or, where that
// would cost too much, one leg after the other.
func Documents(req DocumentsRequest, legs [][]byte) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	r := &sc.race
	res := Result{SemanticHits: -1}
	totals := make([]int64, len(legs))
	for i, leg := range legs {
		total, err := documentTotal(leg)
		if err != nil {
			return Result{}, err
		}
		totals[i] = total
		res.Total += total
		if err := r.streams[i].open(leg, "results", i); err != nil {
			return Result{}, err
		}
	}
	from := max(req.Offset, 0)
	to := addCap(from, max(req.Limit, 0))
	var err error
	switch {
	case req.Sorted:
		r.look.cutFederation = true
		r.weigh = func(s *stream) error { return s.readWeighted() }
		err = sc.collect(from, to, nil, false)
	case req.Asked == nil && res.Total <= req.Ordered:
		err = sc.chronicle(from, to)
	default:
		err = sc.concatenate(from, to, req.Asked, totals)
	}
	if err != nil {
		return Result{}, err
	}
	res.Hits = len(sc.picks)
	dst := sc.appendList(req.Dst, `{"results":[`, legs)
	dst = appendNumber(dst, `,"offset":`, int64(req.Offset))
	dst = appendNumber(dst, `,"limit":`, int64(req.Limit))
	dst = appendNumber(dst, `,"total":`, res.Total)
	res.Body = append(dst, '}')
	return res, nil
}

// documentTotal reads the total behind the documents.
func documentTotal(leg []byte) (total int64, err error) {
	found := false
	ok := lastMembers(leg, func(int, []byte) bool { return false }, func(key, value []byte) bool {
		if string(key) == "total" {
			total, found = parseInt(value)
			return false
		}
		return string(key) != "results"
	})
	if !ok || !found || total < 0 {
		return 0, ErrAnswer
	}
	return total, nil
}

// concatenate picks the ranks [from, to) of the legs' lists put one behind the other.
func (sc *scratch) concatenate(from, to int, asked []int, totals []int64) error {
	base := int64(0)
	for i := range sc.race.streams {
		s := &sc.race.streams[i]
		rank := base
		if i < len(asked) {
			rank += int64(asked[i])
		}
		base += totals[i]
		for rank < min(int64(to), base) {
			if !s.document() {
				break
			}
			if rank >= int64(from) {
				sc.pick(s)
			}
			rank++
		}
		if s.list.bad {
			return ErrAnswer
		}
	}
	return nil
}

// chronicle picks the ranks [from, to) of the legs' lists merged by their stamps.
func (sc *scratch) chronicle(from, to int) error {
	var open []*stream
	for i := range sc.race.streams {
		if s := &sc.race.streams[i]; s.document() {
			open = append(open, s)
		} else if s.list.bad {
			return ErrAnswer
		}
	}
	for rank := 0; rank < to && len(open) > 0; rank++ {
		first := 0
		for i, s := range open[1:] {
			if bytes.Compare(s.stamp(), open[first].stamp()) < 0 {
				first = i + 1
			}
		}
		s := open[first]
		if rank >= from {
			sc.pick(s)
		}
		if !s.document() {
			if s.list.bad {
				return ErrAnswer
			}
			open = append(open[:first], open[first+1:]...)
		}
	}
	return nil
}

// document moves to the next document of a list; false at the end of the list and at what is no list.
func (s *stream) document() bool {
	start, ok := s.list.next()
	if !ok {
		return false
	}
	s.hit = hitView{}
	end := start + bytes.IndexByte(s.body[start:], nodeapi.MarkLine)
	if !s.marked || end <= start {
		end = skipValue(s.body, start)
	}
	s.list.skipTo(end)
	if end < 0 {
		return false
	}
	s.hit.whole = span{start, end}
	if s.marked {
		const key = len(stampKey) - 1 // without the comma, which an only member does not have
		value := end - 2 - stampBytes
		if from := value - key; from > start && string(s.body[from:value]) == stampKey[1:] && s.body[end-2] == '"' {
			s.hit.mark, s.hit.stamp = span{from, end - 1}, span{value - 1, end - 1}
		}
	}
	return true
}

// DocumentWindow is the part of one leg's list that an unsorted page needs.
type DocumentWindow struct{ Offset, Limit int }

// DocumentWindows says what to ask each leg for, once their totals are known (asking with limit 0 is cheap): so a deep
// page costs its own size and not everything before it. A leg whose Limit is 0 need not be asked again.
func DocumentWindows(totals []int64, offset, limit int) []DocumentWindow {
	out := make([]DocumentWindow, len(totals))
	from, to := int64(max(offset, 0)), int64(addCap(max(offset, 0), max(limit, 0)))
	base := int64(0)
	for i, n := range totals {
		low, high := max(from-base, 0), min(to-base, n)
		if low < high {
			out[i] = DocumentWindow{int(low), int(high - low)}
		}
		base += n
	}
	return out
}

// DocumentTotals reads how many documents each leg has, and all together.
func DocumentTotals(legs [][]byte) (totals []int64, sum int64, err error) {
	for _, leg := range legs {
		n, err := documentTotal(leg)
		if err != nil {
			return nil, 0, err
		}
		totals = append(totals, n)
		sum += n
	}
	return totals, sum, nil
}
